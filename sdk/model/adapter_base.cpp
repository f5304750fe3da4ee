#include "model/adapter_base.hpp"

#include <algorithm>
#include <exception>
#include <span>
#include <system_error>

#include <fmt/format.h>

#include "base/pages.hpp"
#include "base/printable.hpp"
#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"

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

/// Whether the beginnings and ends of a tensor's bytes differ: other weights differ all over.
bool differ(std::span<const std::byte> a, std::span<const std::byte> b) {
  constexpr std::size_t kLooked = 16384;
  const std::size_t count = std::min(a.size(), kLooked);
  const bool same =
      std::ranges::equal(a.first(count), b.first(count)) && std::ranges::equal(a.last(count), b.last(count));
  release_pages(a);
  release_pages(b);
  return !same;
}

struct Compared {
  std::size_t tensors = 0;         ///< that both models have in the same type
  std::string first_that_differs;  ///< "" when none does
};

Compared compare(const WeightFiles& ours, const WeightFiles& theirs) {
  Compared result;
  for (const std::string& name : ours.names()) {
    const auto *our = ours.find(name), *their = theirs.find(name);
    if (their == nullptr || our->dtype != their->dtype) continue;
    ++result.tensors;
    if (our->shape == their->shape && !differ(ours.bytes(name).bytes, theirs.bytes(name).bytes)) continue;
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
      fmt::format("{} was trained on '{}', which {} to be compared, and is used with {}: its shapes fit, "
                  "but if that is another model, what it learned does not",
                  adapter.string(), shortened(trained_on), base ? "has no weights of the same types" : "is not here",
                  model.folder.string())};
} catch (const std::exception&) {  // it cannot be read: that says nothing about the adapter
  return std::nullopt;
}

}  // namespace lmf::model
