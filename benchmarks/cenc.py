"""Decrypting: MB/s a core in each scheme, against the bare cipher on contiguous data.

Samples have a mean of 16 kB (video: a header in the clear, pattern 1:9 where the scheme has
one) or 300 to 700 bytes (audio, encrypted whole). The last figure is a film's: segments of
25 Mb/s with sound, through the fragment reader in pieces of 64 KiB and decrypted, as CPU time
over media time.

    .venv/bin/python benchmarks/cenc.py [--runs 7] [--json FILE]
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from figures import arguments, median, write_json

from drm.cenc import Decryptor
from netplay.edge import fmp4
from netplay.edge.cache import cached_title
from netplay.edge.encryption.cipher import Scheme
from netplay.edge.encryption.plan import ContentKey, EncryptionPlan, Tier
from netplay.edge.encryption.track import TrackEncryptor
from netplay.edge.title import TINY, Title
from netplay.media.fragments import FragmentReader
from netplay.media.init import read_init

AIM_MB_S: dict[Scheme, int] = {"cenc": 1000, "cbc1": 1000, "cbcs": 700, "cens": 350}
AUDIO_AIM_MB_S = 40
END_TO_END_AIM = 0.01
KEY, IV = bytes(range(16)), bytes(range(16, 32))
MEDIA_S, FPS, VIDEO_BPS, AUDIO_BPS, AUDIO_RATE = 10, 24, 25_000_000, 192_000, 48_000
PIECE = 1 << 16


def best_s(work: Callable[[], object], runs: int) -> float:
    """Return the median time of a piece of work; the first run is not counted."""
    work()
    taken = []
    for _ in range(runs):
        began_s = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began_s)
    return median(taken)


def bare_mb_s(scheme: str, size: int, runs: int) -> float:
    """Return what one call on contiguous data reaches, its output freshly allocated."""
    mode = modes.CTR if scheme in ("cenc", "cens") else modes.CBC
    cipher = Cipher(algorithms.AES(KEY), mode(IV)).decryptor()
    data = random.Random(1).randbytes(size)
    repeat = max(1, (1 << 22) // size)

    def work() -> None:
        for _ in range(repeat):
            cipher.update(data)

    return size * repeat / best_s(work, runs) / 1e6


def scheme_mb_s(scheme: Scheme, low: int, high: int, runs: int, *, video: bool) -> float:
    """Return what samples of between low and high bytes reach."""
    chance = random.Random(2)
    sizes = [chance.randint(low, high) for _ in range(4_000_000 // (low + high) * 2)]
    samples = [memoryview(chance.randbytes(size)) for size in sizes]
    ivs = [chance.randbytes(16) for _ in sizes]
    decryptor = Decryptor(KEY, scheme)
    pattern = (1, 9) if scheme in ("cens", "cbcs") and video else None
    work_list = []
    for sample, iv in zip(samples, ivs, strict=True):
        # The header, and what keeps the protected range whole blocks.
        clear = 20 + (len(sample) - 20) % 16
        ranges = ((clear, len(sample) - clear),) if video else ()
        work_list.append((sample, iv, ranges, pattern))

    def work() -> None:
        for sample, iv, ranges, its in work_list:
            decryptor.decrypt(sample, iv, ranges, its)

    return sum(sizes) / best_s(work, runs) / 1e6


def film(folder: Path, kind: str, scheme: Scheme) -> tuple[bytes, list[bytes]]:
    """Return an encrypted init segment and its segments of two seconds, at a film's rate."""
    track = next(it for it in Title.load(folder).tracks if it.kind == kind)
    init = (folder / track.id / "init.mp4").read_bytes()
    first = (folder / track.id / "00001.m4s").read_bytes()
    head = bytes(FragmentReader(read_init(init)).feed(first)[-1].data)[4:40]
    rate = FPS if kind == "video" else AUDIO_RATE / 1024
    size = int((VIDEO_BPS if kind == "video" else AUDIO_BPS) / 8 / rate)
    ticks, chance = int(track.timescale / rate), random.Random(3)

    def sample(number: int) -> fmp4.Sample:
        data = chance.randbytes(size)
        if kind == "video":
            # A real slice's header, so that encryption has something to leave in the clear.
            data = (size - 4).to_bytes(4, "big") + head + data[4 + len(head) :]
        return fmp4.Sample(data, number * ticks, 0, ticks, sync=True)

    key = ContentKey(IV, KEY)
    encryptor = TrackEncryptor(init, EncryptionPlan(scheme=scheme, tiers=(Tier((key,)),)))
    count = int(2 * rate)
    segments = [
        encryptor.segment(fmp4.fragment([sample(at + n) for n in range(count)], 1), 0)
        for at in range(0, int(MEDIA_S * rate), count)
    ]
    return encryptor.init, segments


def end_to_end(folder: Path, scheme: Scheme, runs: int) -> float:
    """Return the CPU time that a film takes, over its duration."""
    films = [film(folder, kind, scheme) for kind in ("video", "audio")]
    media_s = 0.0

    def work() -> None:
        for init, segments in films:
            read, decryptor = read_init(init), Decryptor(KEY, scheme)
            for segment in segments:
                reader, view = FragmentReader(read), memoryview(segment)
                for at in range(0, len(view), PIECE):
                    for sample in reader.feed(view[at : at + PIECE]):
                        how = sample.encryption
                        assert how is not None, "all of it is encrypted"
                        decryptor.decrypt(sample.data, how.iv, how.subsamples, how.pattern)

    work()
    media_s = 2.0 * len(films[0][1])
    shares = []
    for _ in range(runs):
        began_s = time.process_time()
        work()
        shares.append((time.process_time() - began_s) / media_s)
    return median(shares)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--runs", type=int, default=7)
    wanted = parser.parse_args()
    runs, figures = wanted.runs, {}
    folder = cached_title(TINY)
    for scheme, aim in AIM_MB_S.items():
        bare = bare_mb_s(scheme, 1 << 16, runs)
        video = scheme_mb_s(scheme, 2_000, 30_000, runs, video=True)
        audio = scheme_mb_s(scheme, 300, 700, runs, video=False)
        share = end_to_end(folder, scheme, runs)
        met = video >= aim and audio >= AUDIO_AIM_MB_S and share < END_TO_END_AIM
        print(
            f"{scheme}: {video:.0f} MB/s (aim {aim}), {video / bare:.2f} of the bare cipher's "
            f"{bare:.0f}; audio {audio:.0f} (aim {AUDIO_AIM_MB_S}); a film {share:.2%} of a core "
            f"(aim {END_TO_END_AIM:.0%}): {'met' if met else 'missed'}"
        )
        figures[scheme] = {
            "mb_s": video,
            "aim_mb_s": aim,
            "bare_mb_s": bare,
            "audio_mb_s": audio,
            "film_share": share,
        }
    write_json(wanted.json, {"cenc": figures})


if __name__ == "__main__":
    main()
