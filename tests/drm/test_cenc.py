"""Decryption against the standard's own words, NIST's vectors and everything that cannot be."""

import copy
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from cenc_reference import encrypt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.cenc import SCHEMES, Decryptor
from drm.errors import KeyMissing, SampleError, WrongKey

KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
IV = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
PLAIN = bytes.fromhex(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
"""NIST SP 800-38A, appendix F: the key and plaintext of every mode, CBC's IV."""
SAMPLES = tuple(it for it in SCHEMES if it != "aes-128")


def test_counter_mode_gives_nists_plaintext() -> None:
    counter = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    secret = bytes.fromhex(
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
        "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
    )

    assert Decryptor(KEY, "cenc").decrypt(secret, counter) == PLAIN
    assert Decryptor(KEY, "cens").decrypt(secret, counter) == PLAIN


def test_chained_mode_gives_nists_plaintext() -> None:
    secret = bytes.fromhex(
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
        "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
    )

    assert Decryptor(KEY, "cbc1").decrypt(secret, IV) == PLAIN
    assert Decryptor(KEY, "cbcs").decrypt(secret, IV) == PLAIN


def subsampled(scheme: str) -> st.SearchStrategy[tuple[tuple[int, int], ...]]:
    protected = st.integers(0, 700)
    if scheme == "cbc1":
        protected = st.integers(0, 40).map(lambda blocks: 16 * blocks)
    return st.lists(st.tuples(st.integers(0, 70), protected), max_size=4).map(tuple)


def patterns(scheme: str) -> st.SearchStrategy[tuple[int, int] | None]:
    if scheme in ("cenc", "cbc1"):
        return st.sampled_from([None, (0, 0)])
    stated = st.tuples(st.integers(1, 15), st.integers(0, 15))
    return st.one_of(st.sampled_from([None, (0, 0), (1, 9), (10, 0)]), stated)


def ivs(scheme: str) -> st.SearchStrategy[bytes]:
    whole = st.binary(min_size=16, max_size=16)
    if scheme in ("cbc1", "cbcs"):
        return whole
    # Counters about to wrap are rare in nature, so they are asked for.
    wrapping = st.integers(0, 9).map(lambda left: bytes(7) + b"\1" + (2**64 - left - 1).to_bytes(8))
    return st.one_of(whole, st.binary(min_size=8, max_size=8), wrapping)


@pytest.mark.slow
@given(st.data(), st.sampled_from(SAMPLES))
@settings(max_examples=300, deadline=None)
def test_what_the_standard_encrypts_is_decrypted(draw: st.DataObject, scheme: str) -> None:
    iv, pattern = draw.draw(ivs(scheme)), draw.draw(patterns(scheme))
    subsamples = draw.draw(subsampled(scheme))
    size = sum(map(sum, subsamples)) if subsamples else draw.draw(st.integers(0, 900))
    data = draw.draw(st.randoms(use_true_random=False)).randbytes(size)
    decryptor = Decryptor(KEY, scheme)
    # Used before, for something else: nothing of it may be left.
    decryptor.decrypt(bytes(48), bytes(16), (), pattern)

    found = decryptor.decrypt(
        memoryview(encrypt(scheme, KEY, data, iv, subsamples, pattern)), iv, subsamples, pattern
    )

    assert found == data


def test_a_last_run_of_too_few_blocks_stays_clear() -> None:
    data = bytes(range(7 * 16))

    secret = encrypt("cbcs", KEY, data, IV, (), (3, 2))

    assert secret[48:] == data[48:]
    assert Decryptor(KEY, "cbcs").decrypt(secret, IV, (), (3, 2)) == data


def test_a_chain_goes_on_over_subsamples_in_cbc1_and_starts_anew_in_cbcs() -> None:
    twice = bytes(32)
    ranges = ((0, 16), (0, 16))

    chained = encrypt("cbc1", KEY, twice, IV, ranges)
    anew = encrypt("cbcs", KEY, twice, IV, ranges)

    assert chained[:16] != chained[16:]
    assert anew[:16] == anew[16:]
    assert Decryptor(KEY, "cbc1").decrypt(chained, IV, ranges) == twice
    assert Decryptor(KEY, "cbcs").decrypt(anew, IV, ranges) == twice


@pytest.mark.parametrize(
    ("scheme", "size", "iv", "subsamples", "pattern", "complaint"),
    [
        ("cenc", 9, bytes(7), (), None, "IV of 7 bytes; counter mode takes 8 or 16"),
        ("cens", 9, bytes(17), (), None, "IV of 17 bytes"),
        ("cbc1", 9, bytes(8), (), None, "IV of 8 bytes; CBC takes 16"),
        ("cbcs", 9, b"", (), None, "IV of 0 bytes"),
        ("aes-128", 16, bytes(8), (), None, "IV of 8 bytes"),
        ("cenc", 9, IV, ((4, 4),), None, "8 bytes together in a sample of 9"),
        ("cenc", 9, IV, ((4, 6),), None, "10 bytes together in a sample of 9"),
        ("cbc1", 9, IV, ((1, 16),), None, "17 bytes together in a sample of 9"),
        ("cbcs", 9, IV, ((4, 4),), (1, 9), "8 bytes together in a sample of 9"),
        ("cens", 9, IV, ((-4, 13),), (1, 9), "-4 clear"),
        ("cbc1", 25, IV, ((1, 24),), None, "24 protected"),
        ("cenc", 9, IV, (), (1, 9), "cenc has no patterns"),
        ("cbc1", 9, IV, (), (1, 9), "cbc1 has no patterns"),
        ("aes-128", 16, IV, (), (1, 9), "aes-128 has no patterns"),
        ("aes-128", 16, IV, ((0, 16),), None, "no subsamples"),
        ("cbcs", 9, IV, (), (0, 9), "pattern of 0:9 encrypts nothing"),
    ],
)
def test_what_cannot_be_is_an_error_and_spoils_nothing(
    scheme: str,
    size: int,
    iv: bytes,
    subsamples: tuple[tuple[int, int], ...],
    pattern: tuple[int, int] | None,
    complaint: str,
) -> None:
    decryptor = Decryptor(KEY, scheme)

    with pytest.raises(SampleError, match=complaint):
        decryptor.decrypt(bytes(size), iv, subsamples, pattern)

    if scheme != "aes-128":
        assert decryptor.decrypt(encrypt(scheme, KEY, PLAIN, IV), IV) == PLAIN


@pytest.mark.parametrize(("key", "scheme"), [(bytes(15), "cenc"), (KEY, "piff"), (b"", "cbcs")])
def test_no_scheme_and_no_key_are_the_callers_mistake(key: bytes, scheme: str) -> None:
    with pytest.raises(ValueError, match=r"no encryption scheme|content key of"):
        Decryptor(key, scheme)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_wiped_key_decrypts_nothing_any_more(scheme: str) -> None:
    decryptor = Decryptor(bytearray(KEY), scheme, kid="ab")

    decryptor.wipe()
    decryptor.wipe()

    with pytest.raises(KeyMissing, match="key ab: it was wiped"):
        decryptor.decrypt(bytes(16), IV)


def test_the_key_may_be_overwritten_once_it_was_given() -> None:
    key = bytearray(KEY)
    decryptor = Decryptor(key, "cbcs")

    key[:] = bytes(16)

    assert decryptor.decrypt(encrypt("cbcs", KEY, PLAIN, IV), IV) == PLAIN


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_is_never_written_down(scheme: str) -> None:
    decryptor = Decryptor(KEY, scheme)

    assert repr(decryptor) == f"<Decryptor {scheme}>"
    with pytest.raises(TypeError, match="keys are not written down"):
        pickle.dumps(decryptor)
    with pytest.raises(TypeError, match="keys are not written down"):
        copy.deepcopy(decryptor)


@pytest.mark.parametrize("scheme", SAMPLES)
def test_threads_that_share_one_take_turns(scheme: str) -> None:
    decryptor = Decryptor(KEY, scheme)
    work = [(number.to_bytes(16), bytes([number % 256]) * (number % 500)) for number in range(400)]
    secrets = [(iv, encrypt(scheme, KEY, data, iv)) for iv, data in work]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda it: decryptor.decrypt(it[1], it[0]), secrets * 5))

    assert found == [data for _, data in work] * 5


def segment(data: bytes) -> bytes:
    padder, cipher = PKCS7(128).padder(), Cipher(algorithms.AES(KEY), modes.CBC(IV)).encryptor()
    return cipher.update(padder.update(data) + padder.finalize())


@given(st.binary(max_size=200), st.lists(st.integers(0, 70), max_size=8))
@settings(deadline=None)
def test_a_segment_is_decrypted_in_whatever_pieces_it_comes(data: bytes, cuts: list[int]) -> None:
    secret = memoryview(segment(data))
    decryptor = Decryptor(KEY, "aes-128")
    one, other = decryptor.segment(IV), decryptor.segment(IV)
    found = twin = b""

    for cut in [*cuts, len(secret)]:
        found += one.feed(secret[:cut])
        twin += other.feed(secret[:cut])
        secret = secret[cut:]

    assert found + one.finish() == data
    assert twin + other.finish() == data
    assert decryptor.decrypt(segment(data), IV) == data


def test_a_segment_under_another_key_is_told_by_its_end() -> None:
    secret = segment(bytes(1000))
    told = 0

    for number in range(100):
        try:
            Decryptor(number.to_bytes(16), "aes-128", kid="ab").decrypt(secret, IV)
        except WrongKey as error:
            told += error.kid == "ab"

    # By chance one key in 255 ends in padding: that is what this check can do and no more.
    assert told >= 97


@pytest.mark.parametrize("size", [0, 1, 15, 17, 31])
def test_a_segment_that_was_cut_is_an_error(size: int) -> None:
    with pytest.raises(SampleError, match=f"whole blocks, not {size} bytes"):
        Decryptor(KEY, "aes-128").decrypt(segment(bytes(40))[:size], IV)


def test_samples_are_no_segments() -> None:
    with pytest.raises(ValueError, match="cbcs encrypts samples"):
        Decryptor(KEY, "cbcs").segment(IV)


@pytest.mark.slow
def test_the_first_sample_is_decrypted_without_numpy_or_netplay() -> None:
    script = (
        "import sys; from drm.cenc import Decryptor\n"
        "Decryptor(bytes(16), 'cbcs').decrypt(bytes(999), bytes(16), ((9, 990),), (1, 9))\n"
        "assert not {'numpy', 'netplay', 'pywidevine'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", script], check=True)
