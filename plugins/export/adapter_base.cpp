#include "adapter_base.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/pages.hpp"
#include "base/printable.hpp"
#include "lmf/error.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::exporter {
namespace {

namespace fs = std::filesystem;

/// Whether a name may mean the model: the same last part, as in "meta-llama/Llama-3.2-1B", /models/Llama-3.2-1B and the
/// cache's models--meta-llama--Llama-3.2-1B.
bool may_be_same(const std::string& trained_on, const std::string& named, const fs::path& folder) {
  const auto last = [](const fs::path& path) {
    return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
  };
  const std::string name = last(trained_on);
  return name == last(named) || name == last(folder) || folder.string().find("--" + name + "/") != std::string::npos;
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

Compared compare(const model::WeightFiles& ours, const model::WeightFiles& theirs) {
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

/// nullopt when the model is not here, or has nothing that can be compared.
std::optional<Compared> compare_with(const std::string& trained_on, const Request& request, const fs::path& folder,
                                     const model::WeightFiles& weights) try {
  const fs::path base = model::resolve_model(trained_on, request.revision, request.cache_directory);
  std::error_code ignored;
  if (fs::equivalent(base, folder, ignored)) return Compared{1, {}};
  const Compared compared = compare(weights, model::WeightFiles::open_model(base));
  return compared.tensors > 0 ? std::optional(compared) : std::nullopt;
} catch (const Error&) {
  return std::nullopt;
}

}  // namespace

void check_base(const WeightedAdapter& adapter, const Request& request, const fs::path& folder,
                const model::WeightFiles& weights) {
  const std::string& trained_on = adapter.folder.config.base_model;
  if (trained_on.empty()) return;
  const auto compared = compare_with(trained_on, request, folder, weights);
  if (!compared) {
    if (may_be_same(trained_on, request.model, folder)) return;
    log::warn(
        "{} was trained on '{}', which is not here to be compared, and is merged into {}: its shapes fit, but if that "
        "is another model, what it learned does not",
        adapter.directory.string(), shortened(trained_on), folder.string());
    return;
  }
  if (compared->first_that_differs.empty()) return;
  const std::string differs =
      fmt::format("{} was trained on '{}', and {} has other weights ({})", adapter.directory.string(),
                  shortened(trained_on), folder.string(), compared->first_that_differs);
  if (!request.any_base)
    throw Error(differs, "name the model that it was trained on, or set export_any_base: true to merge it all the same",
                kExitUsage);
  log::warn("{}: what it learned may not fit", differs);
}

}  // namespace lmf::exporter
