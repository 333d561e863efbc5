"""Packages as ordinary tools make them: each is taken, and the function finds what was packed."""

import pathlib
import shutil
import stat
import tempfile

from support import *

APP = b"""
import os

def handler(event, context):
    found = {}
    for at, directories, files in os.walk('.'):
        for name in directories + files:
            path = os.path.normpath(os.path.join(at, name))
            if os.path.islink(path):
                found[path] = '-> ' + os.readlink(path)
            elif os.path.isdir(path):
                found[path] = '/'
            else:
                with open(path, 'rb') as file:
                    found[path] = len(file.read())
    return found
"""


def found(code):
    """Returns what a function with this package sees of it."""
    seen = invoke(create(code)).json
    equal(seen.pop("app.py"), len(APP))
    return seen


def packed(write, mode="w", **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, mode, **options) as archive:
        archive.writestr("app.py", APP)
        write(archive)
    return buffer.getvalue()


class Pipe(io.RawIOBase):
    """Can be written, and nothing else, so that sizes come after the data."""

    def __init__(self):
        self.bytes = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.bytes += data
        return len(data)


@scenario
def python_with_directories_and_links():
    def write(archive):
        archive.mkdir("empty")
        archive.writestr("lib/deep/data.txt", "12345")
        link = zipfile.ZipInfo("lib/link.txt")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "deep/data.txt")

    expected = {"empty": "/", "lib": "/", "lib/deep": "/", "lib/deep/data.txt": 5, "lib/link.txt": "-> deep/data.txt"}
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        equal(found(packed(write, compression=compression)), expected)


@scenario
def sizes_that_come_after_the_data():
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", APP)
        archive.writestr("data", b"x" * 70_000)

    equal(found(bytes(pipe.bytes)), {"data": 70_000})


@scenario
def sizes_of_64_bits():
    def write(archive):
        with archive.open("data", "w", force_zip64=True) as entry:
            entry.write(b"x" * 1_000)

    equal(found(packed(write)), {"data": 1_000})


@scenario
def names_beyond_ascii_and_of_windows():
    def write(archive):
        archive.writestr("größe/日本.txt", "abc")
        info = zipfile.ZipInfo("placeholder")
        info.filename, info.create_system = "windows\\dir\\file.txt", 0
        archive.writestr(info, "ab")

    equal(
        found(packed(write)),
        {"größe": "/", "größe/日本.txt": 3, "windows": "/", "windows/dir": "/", "windows/dir/file.txt": 2},
    )


@scenario
def a_name_that_stands_twice():
    def write(archive):
        archive.writestr("data", "first")
        archive.writestr("data", "the last one")

    equal(found(packed(write)), {"data": 12})


@scenario
def bytes_before_the_archive_and_a_comment_behind_it():
    def write(archive):
        archive.comment = b"made by hand"

    equal(found(b"#!/usr/bin/env python3\n" + packed(write)), {})


def tree():
    """Returns a directory with what the programs below are to pack."""
    root = pathlib.Path(tempfile.mkdtemp())
    (root / "app.py").write_bytes(APP)
    (root / "lib").mkdir()
    (root / "lib" / "data").write_bytes(b"12345")
    (root / "link").symlink_to("lib/data")
    return root


def made_by(*command):
    """Packs the tree with a program, if there is one."""
    if shutil.which(command[0]) is None:
        print(f"lacking {command[0]}", file=sys.stderr)
        return None
    root = tree()
    archive = root.with_suffix(".zip")
    command = [part.replace("ARCHIVE", str(archive)) for part in command]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    shutil.rmtree(root)
    content = archive.read_bytes()
    archive.unlink()
    return content


@scenario
def programs_that_pack():
    as_link = {"lib": "/", "lib/data": 5, "link": "-> lib/data"}
    as_file = {**as_link, "link": 5}
    for expected, command in (
        (as_link, ("zip", "-qry", "ARCHIVE", ".")),
        (as_file, ("zip", "-qr", "ARCHIVE", "app.py", "lib", "link")),
        (as_file, ("zip", "-qr0D", "ARCHIVE", ".")),
        (as_link, ("bsdtar", "-a", "-cf", "ARCHIVE", "app.py", "lib", "link")),
    ):
        content = made_by(*command)
        if content is not None:
            equal(found(content), expected)
    jar = made_by("jar", "cf", "ARCHIVE", ".")
    if jar is not None:
        seen = found(jar)
        assert seen.pop("META-INF/MANIFEST.MF") > 0
        equal(seen, {**as_file, "META-INF": "/"})


main()
