// Exists so that torch/torch.h is precompiled once: see LmfTorch.cmake.
