#include "infer/weight_memory.hpp"

#include <algorithm>
#include <new>

#include <sys/mman.h>
#include <torch/utils.h>

namespace lmf::infer {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20, kPiece = 128 * kHugePage, kAlignment = 64;

std::size_t rounded_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Of this many bytes, a multiple of the huge page and aligned to it. What nobody writes to takes no memory.
std::shared_ptr<std::byte> map_piece(std::size_t bytes) {
  const std::size_t mapped = bytes + kHugePage;  // the system aligns to small pages only
  void* start = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) throw std::bad_alloc();
  const std::size_t before =
      rounded_up(reinterpret_cast<std::size_t>(start), kHugePage) - reinterpret_cast<std::size_t>(start);
  std::byte* aligned = static_cast<std::byte*>(start) + before;
  ::madvise(aligned, bytes, MADV_HUGEPAGE);  // a system without them refuses, and small ones do
  return {aligned, [start, mapped](std::byte*) { ::munmap(start, mapped); }};
}

}  // namespace

torch::Tensor WeightMemory::make(torch::IntArrayRef sizes, torch::Dtype dtype) {
  const std::size_t bytes = static_cast<std::size_t>(c10::multiply_integers(sizes)) * torch::elementSize(dtype);
  if (piece_ == nullptr || used_ + bytes > size_) {
    size_ = std::max(rounded_up(bytes, kHugePage), kPiece);
    piece_ = map_piece(size_);
    used_ = 0;
  }
  std::byte* begin = piece_.get() + used_;
  used_ = rounded_up(used_ + bytes, kAlignment);
  return torch::from_blob(
      begin, sizes, [piece = piece_](void*) {}, dtype);
}

}  // namespace lmf::infer
