"""Bytes that make a careless decoder open other files or network ports."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np
import soundfile

RATE = 16_000


def wav(seconds: float = 1.0) -> bytes:
    """A tone as WAV."""
    buffer = io.BytesIO()
    time = np.arange(round(RATE * seconds)) / RATE
    soundfile.write(buffer, 0.5 * np.sin(2 * np.pi * 440 * time), RATE, format="WAV")
    return buffer.getvalue()


def playlists(secret: Path) -> dict[str, bytes]:
    """Playlists, session descriptions and protocol texts by name.

    Args:
        secret: A readable audio file that they name.
    """
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{secret.as_uri()}\n#EXT-X-ENDLIST\n"
    dash = (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
        '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1">'
        f"<BaseURL>{secret.as_uri()}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    )
    texts = {
        "ffconcat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "ffconcat with options": f"ffconcat version 1.0\nfile {secret}\nprotocol_whitelist file\n",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 49170 RTP/AVP 0\n",
        "sdp of sap": "c=IN IP4 239.0.0.1\nm=audio 49172 RTP/AVP 0\n",
        "hls": hls,
        "hls behind a tag": hls,
        "dash": dash,
        "rtsp": "rtsp://127.0.0.1:49174/a",
        "rtsp reference": "[Reference]\nRef1=http://127.0.0.1:49176/a?MSWMExt=.asf\n",
        "concat": f"concat:{secret}|{secret}",
        "subfile": f"subfile,,start,0,end,1000,,:{secret}",
        "asx": f'<asx version="3.0"><entry><ref href="{secret.as_uri()}"/></entry></asx>',
        "image sequence": f"{secret}%03d.wav",
        "vapoursynth": f"import vapoursynth\nopen('{secret}')\n",
    }
    data = {name: text.encode() for name, text in texts.items()}
    for name, signature in {
        "mov": b"AAAAfree",
        "amr": b"#!AMR",
        "aac": b"\xff\xf1",
        "wav": b"RIFFAAAAWAVE",
    }.items():
        data[f"sdp behind the signature of {name}"] = signature + b"\n" + data["sdp"]
    data["hls behind a tag"] = b"ID3\x04\x00\x00\x00\x00\x00\x00" + data["hls behind a tag"]
    return data


def external_track(secret: Path) -> tuple[bytes, bytes]:
    """A QuickTime file whose samples lie in another file, and the bytes of that file.

    The other file is a QuickTime file of its own: whoever follows the reference decodes a second of tone.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mov") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        time = np.arange(RATE) / RATE
        samples = (16_000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.rate = RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    whole = buffer.getvalue()
    return _with_reference(whole, str(secret).encode()), whole


def _with_reference(data: bytes, path: bytes) -> bytes:
    """Replaces the data reference of the only track ("in this file") by an alias to ``path``."""
    path += b"\0" * (len(path) % 2)
    name = path.rpartition(b"/")[2][:63]
    alias = bytes(10) + b"\0" + bytes(27) + bytes(12) + bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    alias += struct.pack(">HH", 1, 1) + bytes(16)
    alias += struct.pack(">HH", 2, len(path)) + path + struct.pack(">HH", 0xFFFF, 0)
    entry = b"alis" + bytes(4) + alias
    dref = b"dref" + bytes(4) + struct.pack(">I", 1) + struct.pack(">I", len(entry) + 4) + entry
    at = data.index(b"dref") - 4
    (size,) = struct.unpack_from(">I", data, at)
    out = bytearray(data[:at] + struct.pack(">I", len(dref) + 4) + dref + data[at + size :])
    for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
        place = out.rindex(parent, 0, at + 8) - 4
        (old,) = struct.unpack_from(">I", out, place)
        struct.pack_into(">I", out, place, old + len(dref) + 4 - size)
    return bytes(out)
