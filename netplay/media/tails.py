"""The last coded picture data of a sample, and the sample around it.

What a probe of a key needs: data that ends where its picture ends was decrypted rightly, so
somebody must be able to change, or to go on behind, the end of that data and nothing else.
Lengths and indexes around it are written anew.

Source: ISO/IEC 14496-15 (length-prefixed NAL units), 14496-10 and 23008-2, clause 7.3.1
(headers, cabac_zero_words); AV1 Bitstream & Decoding Process Specification, clause 5.3 (OBU);
VP9 Bitstream & Decoding Process Specification, annex B (superframes).
"""

from collections.abc import Callable, Iterator

from netplay.errors import MediaError

__all__ = ["Edit", "vp9_frames", "with_tail"]

Edit = Callable[[bytes], bytes]
"""Changes the data of one slice, frame or group of tiles; it ends without padding."""

OBU_TILE_GROUP, OBU_FRAME = 4, 6


def with_tail(codec: str, data: bytes, extradata: bytes, edit: Edit) -> bytes:
    """Return a sample whose last coded picture data was changed.

    Args:
        codec: FFmpeg's name: "h264", "hevc", "vp9" or "av1".
        data: The sample, as an MP4 file stores it.
        extradata: The codec's configuration record, for the size of NAL lengths.
        edit: Changes the data.

    Raises:
        MediaError: The sample does not have the structure of its codec, or no picture data.
        ValueError: Another codec.
    """
    try:
        match codec:
            case "h264":
                return _nal_units(data, (extradata[4] & 3) + 1, _is_h264_slice, edit)
            case "hevc":
                return _nal_units(data, (extradata[21] & 3) + 1, _is_hevc_slice, edit)
            case "vp9":
                return _superframe(data, edit)
            case "av1":
                return _obus(data, edit)
    except IndexError as error:
        raise MediaError(codec, "a sample ends inside a header") from error
    raise ValueError(f"the tail of {codec} is not known")


def _nal_units(
    data: bytes, length_bytes: int, is_slice: Callable[[int], bool], edit: Edit
) -> bytes:
    units: list[bytes] = []
    at, last = 0, -1
    while at < len(data):
        size = int.from_bytes(data[at : at + length_bytes], "big")
        at += length_bytes
        if not 0 < size <= len(data) - at:
            raise MediaError("sample", f"a NAL unit of {size} bytes, {len(data) - at} are there")
        if is_slice(data[at]):
            last = len(units)
        units.append(data[at : at + size])
        at += size
    if last < 0:
        raise MediaError("sample", "no slice in it")
    unit = units[last]
    # cabac_zero_words stand behind a slice to fill it, and mean nothing.
    while unit.endswith(b"\0\0\3"):
        unit = unit[:-3]
    units[last] = edit(unit.rstrip(b"\0"))
    return b"".join(len(it).to_bytes(length_bytes, "big") + it for it in units)


def _is_h264_slice(head: int) -> bool:
    return head & 31 in (1, 5)


def _is_hevc_slice(head: int) -> bool:
    return head >> 1 & 63 < 32


def vp9_frames(data: bytes) -> list[int]:
    """Return the sizes of the frames of a VP9 sample: one, unless it is a superframe.

    Raises:
        MediaError: The index of a superframe speaks of more than there is.
    """
    marker = data[-1] if data else 0
    if marker >> 5 != 0b110:
        return [len(data)]
    count, width = (marker & 7) + 1, (marker >> 3 & 3) + 1
    index = data[-(2 + count * width) :]
    if len(index) < 2 + count * width or index[0] != marker:
        return [len(data)]
    sizes = [
        int.from_bytes(index[1 + at : 1 + at + width], "little")
        for at in range(0, count * width, width)
    ]
    if sum(sizes) > len(data) - len(index):
        raise MediaError("sample", f"a superframe of {sum(sizes)} bytes in {len(data)}")
    return sizes


def _superframe(data: bytes, edit: Edit) -> bytes:
    sizes = vp9_frames(data)
    if len(sizes) == 1:
        return edit(data.rstrip(b"\0"))
    frames, at = [], 0
    for size in sizes:
        frames.append(data[at : at + size])
        at += size
    # A frame of a byte or two only shows another again.
    last = max((n for n, it in enumerate(frames) if len(it) > 2), default=0)
    frames[last] = edit(frames[last].rstrip(b"\0"))
    marker = 0b110 << 5 | 3 << 3 | len(frames) - 1
    index = b"".join(len(it).to_bytes(4, "little") for it in frames)
    return b"".join((*frames, bytes((marker,)), index, bytes((marker,))))


def _obus(data: bytes, edit: Edit) -> bytes:
    units = list(_read_obus(data))
    last = max(
        (n for n, (kind, _, _) in enumerate(units) if kind in (OBU_TILE_GROUP, OBU_FRAME)),
        default=-1,
    )
    if last < 0:
        raise MediaError("sample", "no tiles in it")
    out = bytearray()
    for number, (_, head, body) in enumerate(units):
        inner = edit(body.rstrip(b"\0")) if number == last else body
        out += bytes((head[0] | 2,)) + head[1:] + _leb128(len(inner)) + inner
    return bytes(out)


def _read_obus(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield type, header without its size, and body of each OBU."""
    at = 0
    while at < len(data):
        head_end = at + 1 + (data[at] >> 2 & 1)
        body, size = head_end, len(data) - head_end
        if data[at] & 2:
            size = 0
            for place in range(8):
                byte = data[body]
                body += 1
                size |= (byte & 0x7F) << 7 * place
                if not byte & 0x80:
                    break
        if size > len(data) - body:
            raise MediaError("sample", f"an OBU of {size} bytes, {len(data) - body} are there")
        yield data[at] >> 3 & 15, data[at:head_end], data[body : body + size]
        at = body + size


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
