"""Compiles the bootstrap once for an interpreter, which saves every cold start from it.

Usage: compile SOURCE DIR. Prints the version, the path of the interpreter itself (not of
a wrapper that chose it) and the file it wrote, one a line."""
import importlib.util
import marshal
import os
import platform
import sys

source, folder = sys.argv[1:]
with open(source, "rb") as f:
    code = compile(f.read(), "bootstrap.py", "exec", dont_inherit=True)
name = "bootstrap-%s.pyc" % sys.implementation.cache_tag
temporary = os.path.join(folder, "%s.%d" % (name, os.getpid()))
with open(temporary, "wb") as f:
    f.write(importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code))
os.chmod(temporary, 0o644)
os.replace(temporary, os.path.join(folder, name))
print(platform.python_version(), sys.executable, name, sep="\n")
