"""Compiles CUDA C++ to PTX with the NVRTC of this environment: python nvrtc.py SOURCE ARCHITECTURE OUTPUT [OPTION...]

Neither a GPU nor a toolkit is needed. A warning is an error.
"""

import ctypes
import pathlib
import sys
import sysconfig


class Compiler:
    def __init__(self):
        folder = pathlib.Path(sysconfig.get_path("purelib"), "nvidia", "cuda_nvrtc", "lib")
        # Loaded first: the library looks for it by name, and would not look beside itself.
        ctypes.CDLL(str(next(folder.glob("libnvrtc-builtins.so.*"))), mode=ctypes.RTLD_GLOBAL)
        self.library = ctypes.CDLL(str(folder / "libnvrtc.so.12"))
        self.library.nvrtcGetErrorString.restype = ctypes.c_char_p

    def call(self, name, *arguments):
        code = getattr(self.library, name)(*arguments)
        if code:
            raise SystemExit(f"{name}: {self.library.nvrtcGetErrorString(code).decode()}")

    def text(self, program, what):
        size = ctypes.c_size_t()
        self.call(f"nvrtcGet{what}Size", program, ctypes.byref(size))
        buffer = ctypes.create_string_buffer(size.value)
        self.call(f"nvrtcGet{what}", program, buffer)
        return buffer.value.decode()

    def compile(self, source, options):
        program = ctypes.c_void_p()
        name, text = source.name.encode(), source.read_bytes()
        self.call("nvrtcCreateProgram", ctypes.byref(program), text, name, 0, None, None)
        encoded = [option.encode() for option in options]
        options = (ctypes.c_char_p * len(encoded))(*encoded)
        code = self.library.nvrtcCompileProgram(program, len(encoded), options)
        log = self.text(program, "ProgramLog").strip()
        if code or log:
            raise SystemExit(log or self.library.nvrtcGetErrorString(code).decode())
        return self.text(program, "PTX")


source, architecture, output, *options = sys.argv[1:]
options.append(f"--gpu-architecture={architecture}")
pathlib.Path(output).write_text(Compiler().compile(pathlib.Path(source), options))
