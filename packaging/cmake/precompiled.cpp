// Has no code: its targets precompile headers. See LmfPrecompiled.cmake.
