#pragma once

#include <cstddef>
#include <span>

namespace lmf {

/// Takes the whole pages of a part of a MappedFile out of this process's memory; they are read again when they are
/// looked at. For who reads a large file once.
void release_pages(std::span<const std::byte> part);

}  // namespace lmf
