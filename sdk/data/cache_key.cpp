#include "data/cache_key.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <xxhash.h>

#include "base/files.hpp"
#include "base/log.hpp"
#include "base/paths.hpp"
#include "data/token_store_format.hpp"
#include "lmf/error.hpp"

namespace lmf::data {

namespace {

namespace fs = std::filesystem;

std::string hash(const void* data, std::size_t bytes) {
  const XXH128_hash_t value = XXH3_128bits(data, bytes);
  return fmt::format("{:016x}{:016x}", value.high64, value.low64);
}

/// Values one after the other, each with its length in front, so that no two lists of values read the same.
class Recipe {
 public:
  void add(std::string_view value) { text_ += fmt::format("{}:{};", value.size(), value); }
  void add(std::int64_t value) { add(std::string_view(std::to_string(value))); }
  void add(const std::optional<std::string>& value) {
    add(std::int64_t{value.has_value()});
    add(std::string_view(value.value_or("")));
  }
  void add(const std::optional<std::int64_t>& value) { add(value.value_or(-1)); }
  void add(const std::vector<text::Slot>& slots) {
    add(std::ssize(slots));
    for (const text::Slot& slot : slots) {
      add(static_cast<std::int64_t>(slot.kind));
      add(std::string_view(slot.text));
    }
  }
  std::string hashed() const { return hash(text_.data(), text_.size()); }

 private:
  std::string text_;
};

void add_tool_format(Recipe& recipe, const text::ToolFormat& format, bool has_tools) {
  for (const std::string* text :
       {&format.prompt, &format.tool, &format.tool_separator, &format.parameter, &format.required, &format.enumeration,
        &format.items, &format.call, &format.call_separator, &format.one_call, &format.several_calls,
        &format.arguments_key})
    recipe.add(std::string_view(*text));
  recipe.add(std::int64_t{format.wrapped});
  recipe.add(std::int64_t{format.indent});
  if (has_tools && format.prompt.find("{{date}}") != std::string::npos)
    recipe.add(std::string_view(text::ToolFormat::today()));
}

void add_template(Recipe& recipe, const text::ChatTemplate& chat_template, bool has_tools) {
  for (const auto* slots : {&chat_template.prefix, &chat_template.system, &chat_template.user, &chat_template.assistant,
                            &chat_template.function, &chat_template.observation})
    recipe.add(*slots);
  if (chat_template.tool_format) add_tool_format(recipe, *chat_template.tool_format, has_tools);
  recipe.add(std::string_view(chat_template.default_system));
  recipe.add(std::int64_t{chat_template.efficient_eos});
  recipe.add(std::int64_t{chat_template.system_in_first_user});
  recipe.add(std::int64_t{chat_template.reasoning});
  recipe.add(chat_template.enable_thinking ? std::int64_t{*chat_template.enable_thinking} : -1);
  recipe.add(std::int64_t{chat_template.preserve_thinking});
}

void add_dataset(Recipe& recipe, const DatasetDescription& dataset) {
  const Columns& columns = dataset.columns;
  const Tags& tags = dataset.tags;
  recipe.add(static_cast<std::int64_t>(dataset.formatting));
  for (const auto* name : {&columns.prompt, &columns.query, &columns.response, &columns.history, &columns.messages,
                           &columns.system, &columns.tools, &tags.role, &tags.content, &tags.user, &tags.assistant,
                           &tags.observation, &tags.function, &tags.system})
    recipe.add(*name);
  recipe.add(dataset.num_samples);
  recipe.add(std::ssize(dataset.files));
  for (const fs::path& path : dataset.files) {
    const MappedFile file(path);
    recipe.add(std::string_view(path.filename().string()));
    recipe.add(std::string_view(hash(file.bytes().data(), file.bytes().size())));
  }
}

/// Makes the folder when it is missing. Throws Error when nothing can be written there.
void make_writable(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (!failed && ::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0)
    failed.assign(errno, std::generic_category());
  if (failed)
    throw Error(fmt::format("the cache folder {} cannot be written ({})", folder.string(), failed.message()),
                "set XDG_CACHE_HOME to a folder that can be written");
}

}  // namespace

std::string cache_key(const std::vector<DatasetDescription>& datasets, const PrepareOptions& options,
                      const text::Tokenizer& tokenizer, const text::ChatTemplate& chat_template) {
  Recipe recipe;
  recipe.add(std::int64_t{kStoreFormat});
  recipe.add(std::string_view(options.stage));
  recipe.add(options.cutoff_len);
  recipe.add(options.max_samples);
  recipe.add(std::int64_t{options.train_on_prompt});
  recipe.add(std::int64_t{options.mask_history});
  recipe.add(std::int64_t{options.seed});
  recipe.add(std::string_view(tokenizer.fingerprint()));
  recipe.add(tokenizer.special().bos);
  recipe.add(tokenizer.special().eos);
  add_template(recipe, chat_template, std::ranges::any_of(datasets, [](const DatasetDescription& dataset) {
                 return dataset.columns.tools.has_value();
               }));
  for (const DatasetDescription& dataset : datasets) add_dataset(recipe, dataset);
  if (options.part)
    recipe.add(std::string_view(fmt::format("{} {}", options.part->held_out, options.part->is_held_out)));
  if (options.for_prediction) recipe.add(std::string_view("prediction"));
  return recipe.hashed();
}

fs::path cache_folder(const PrepareOptions& options) {
  fs::path folder;
  try {
    folder = options.cache_directory.empty() ? user_cache_directory() / "data" : options.cache_directory;
    make_writable(folder);
  } catch (const Error& problem) {
    if (options.fallback_directory.empty()) throw;
    folder = options.fallback_directory;
    make_writable(folder);
    log::info("{}: tokenised data go to {}", problem.what(), folder.string());
  }
  remove_abandoned_files(folder);
  return folder;
}

}  // namespace lmf::data
