#include "model/adapter_base.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <span>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "base/pages.hpp"
#include "base/printable.hpp"
#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"
#include "model/numbers.hpp"

namespace lmf::model {
namespace {

namespace fs = std::filesystem;

/// Whether a name may mean the model: the same last part, as in "meta-llama/Llama-3.2-1B", /models/Llama-3.2-1B and the
/// cache's models--meta-llama--Llama-3.2-1B.
bool may_be_same(const std::string& trained_on, const ModelInUse& model) {
  const auto last = [](const fs::path& path) {
    return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  };
  const std::string name = last(trained_on);
  return name == last(model.name) || name == last(model.folder) ||
         model.folder.string().find("--" + name + "/") != std::string::npos;
}

/// Whether `count` numbers differ by more than one of the types has rounded them.
bool differ_beyond_rounding(Number a_number, const std::byte* a, Number b_number, const std::byte* b,
                            std::size_t count) {
  constexpr float kRounding = 0x1p-7f, kLeast = 0x1p-24f;  // bfloat16's, and the least of float16, twice as wide
  std::vector<float> ours(count), theirs(count);
  to_floats(a_number, a, count, ours.data());
  to_floats(b_number, b, count, theirs.data());
  for (std::size_t i = 0; i < count; ++i)
    if (std::abs(ours[i] - theirs[i]) > kRounding * std::abs(ours[i]) + kLeast) return true;
  return false;
}

/// Whether the beginnings and ends of a tensor's numbers differ: other weights differ all over.
bool differ(Number a_number, std::span<const std::byte> a, Number b_number, std::span<const std::byte> b) {
  constexpr std::size_t kLooked = 8192;
  const std::size_t all = a.size() / bytes_of(a_number), count = std::min(all, kLooked);
  const auto differ_from = [&](std::size_t first) {
    const std::byte *ours = a.data() + first * bytes_of(a_number), *theirs = b.data() + first * bytes_of(b_number);
    return a_number == b_number ? std::memcmp(ours, theirs, count * bytes_of(a_number)) != 0
                                : differ_beyond_rounding(a_number, ours, b_number, theirs, count);
  };
  const bool result = differ_from(0) || differ_from(all - count);
  release_pages(a);
  release_pages(b);
  return result;
}

struct Compared {
  std::size_t tensors = 0;         ///< that both models have, as numbers
  std::string first_that_differs;  ///< "" when none does
};

Compared compare(const WeightFiles& ours, const WeightFiles& theirs) {
  Compared result;
  for (const std::string& name : ours.names()) {
    const auto *our = ours.find(name), *their = theirs.find(name);
    if (their == nullptr) continue;
    const auto our_number = number_of(our->dtype), their_number = number_of(their->dtype);
    if (!our_number || !their_number) continue;
    ++result.tensors;
    if (our->shape == their->shape &&
        !differ(*our_number, ours.bytes(name).bytes, *their_number, theirs.bytes(name).bytes))
      continue;
    result.first_that_differs = name;
    return result;
  }
  return result;
}

/// nullopt when it is not here.
std::optional<fs::path> folder_of(const std::string& trained_on, const ModelInUse& model) try {
  return resolve_model(trained_on, model.revision, model.cache_directory);
} catch (const Error&) {
  return std::nullopt;
}

}  // namespace

std::optional<BaseDoubt> doubt_base(const fs::path& adapter, const std::string& trained_on,
                                    const ModelInUse& model) try {
  if (trained_on.empty()) return std::nullopt;
  const auto base = folder_of(trained_on, model);
  std::error_code ignored;
  if (base && fs::equivalent(*base, model.folder, ignored)) return std::nullopt;
  const Compared compared = base ? compare(model.weights, WeightFiles::open_model(*base)) : Compared();
  if (!compared.first_that_differs.empty())
    return BaseDoubt{
        fmt::format("{} was trained on '{}', and {} has other weights ({}): what it learned may not fit",
                    adapter.string(), shortened(trained_on), model.folder.string(), compared.first_that_differs),
        /*other_weights=*/true};
  if (compared.tensors > 0 || may_be_same(trained_on, model)) return std::nullopt;
  return BaseDoubt{
      fmt::format("{} was trained on '{}', which {} be compared, and is used with {}: its shapes fit, "
                  "but if that is another model, what it learned does not",
                  adapter.string(), shortened(trained_on), base ? "has no weights that can" : "is not here to",
                  model.folder.string())};
} catch (const std::exception&) {  // it cannot be read: that says nothing about the adapter
  return std::nullopt;
}

}  // namespace lmf::model
