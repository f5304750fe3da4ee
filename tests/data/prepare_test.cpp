#include "data/prepare.hpp"

#include <doctest/doctest.h>
#include <set>

#include <fmt/format.h>

#include "base/files.hpp"
#include "data/folder.hpp"

using namespace lmf;
using namespace lmf::data;
using test::error_of;
using test::Folder;
using Lines = std::vector<std::string>;

namespace {

/// A folder with data sets and a cache, a tokenizer repaired for the template.
struct Scene {
  explicit Scene(const std::string& name = "qwen")
      : chat_template(text::ChatTemplate::load(test::share(), name)),
        tokenizer(text::Tokenizer::load(test::fixtures() / "data/tokenizer")) {
    chat_template.repair(tokenizer);
    options.dataset_directory = folder.path() / "data";
    options.cache_directory = folder.path() / "cache";
    folder.write(
        "data/dataset_info.json",
        R"({"one": {"file_name": "one.json"}, "two": {"file_name": "two.jsonl"}, "drawn": {"file_name": "many.jsonl", "num_samples": 30},
      "all": {"file_name": "records.json", "columns": {"prompt": "instruction", "query": "input", "response": "output", "history": "history", "system": "system"}}})");
    folder.write("data/one.json",
                 "[\n{\"instruction\": \"a\", \"output\": \"b\"},\n{\"instruction\": \"left out\"},\n{\"instruction\": "
                 "\"c\", \"output\": \"d\"}\n]");
    folder.write("data/two.jsonl",
                 "{\"instruction\": \"e\", \"output\": \"f\"}\n\n{\"instruction\": 1, \"output\": \"g\"}\n");
    std::filesystem::copy(test::fixtures() / "data/records.json", folder.path() / "data/records.json");
    std::string many;
    for (int i = 0; i < 1500; ++i) {
      many += "{\"instruction\": \"question " + std::to_string(i) +
              "\", \"output\": " + (i % 7 ? "\"answer " + std::to_string(i * i) + "\"" : "null") + "}\n";
    }
    folder.write("data/many.jsonl", many);
  }

  PrepareReport prepare(const Lines& datasets) {
    options.datasets = datasets;
    return data::prepare(options, tokenizer, chat_template);
  }
  TokenStore store(const Lines& datasets) { return TokenStore::open(prepare(datasets).store); }
  std::string error(const Lines& datasets) {
    return error_of(folder.path(), [&] { prepare(datasets); });
  }

  /// What checking finds, as preparing would say it.
  std::string problems(const Lines& datasets) {
    options.datasets = datasets;
    return error_of(folder.path(), [&] {
      auto found = check_datasets(options, &tokenizer, &chat_template);
      if (found.unlisted > 0) found.problems.push_back(fmt::format("and {} more.", found.unlisted));
      if (!found.problems.empty()) throw Error(fmt::format("{}", fmt::join(found.problems, "\n")));
    });
  }

  Folder folder;
  text::ChatTemplate chat_template;
  text::Tokenizer tokenizer;
  PrepareOptions options;
};

std::vector<std::int32_t> flat(const TokenStore& store) {
  std::vector<std::int32_t> all;
  for (std::int64_t i = 0; i < store.size(); ++i) {
    all.insert(all.end(), store[i].ids.begin(), store[i].ids.end());
    all.insert(all.end(), store[i].labels.begin(), store[i].labels.end());
  }
  return all;
}

}  // namespace

TEST_CASE(
    "data sets follow one another, each example knows its line, and what is left out is counted with its first place") {
  Scene scene;
  const auto report = scene.prepare({"one", "two"});
  CHECK(report.read == 5);
  CHECK(report.kept == 3);
  REQUIRE(report.dropped.size() == 2);
  CHECK(report.dropped[0].reason == "output is missing");
  CHECK(report.dropped[0].first_place == "one.json:3 (record 2)");
  CHECK(report.dropped[1].reason == "instruction is a number, not a text");
  CHECK(report.dropped[1].first_place == "two.jsonl:3 (record 2)");
  const auto store = TokenStore::open(report.store);
  CHECK(store.size() == 3);
  CHECK(store.tokens() == report.tokens);
  CHECK(store.origin(0) == "one.json:2 (record 1)");
  CHECK(store.origin(1) == "one.json:4 (record 3)");
  CHECK(store.origin(2) == "two.jsonl:1 (record 1)");
  CHECK(summary(report) == Lines{"Data: 5 records read, 3 kept, " + std::to_string(report.tokens) + " tokens.",
                                 "  1 left out: output is missing (first: one.json:3 (record 2)).",
                                 "  1 left out: instruction is a number, not a text (first: two.jsonl:3 (record 2))."});
}

TEST_CASE("the store does not depend on the number of threads") {
  Scene scene;
  scene.options.overwrite_cache = true;
  scene.options.workers = 1;
  const auto single = read_file(scene.prepare({"many.jsonl", "one"}).store);
  for (const int workers : {2, 5}) {
    scene.options.workers = workers;
    CHECK(read_file(scene.prepare({"many.jsonl", "one"}).store) == single);
  }
}

TEST_CASE("the second run finds the store, with the same report") {
  Scene scene;
  const auto first = scene.prepare({"one", "two"});
  const auto second = scene.prepare({"one", "two"});
  CHECK(!first.from_cache);
  CHECK(second.from_cache);
  CHECK(second.store == first.store);
  CHECK(second.kept == first.kept);
  CHECK(second.tokens == first.tokens);
  CHECK(second.dropped.size() == first.dropped.size());
  scene.options.overwrite_cache = true;
  CHECK(!scene.prepare({"one", "two"}).from_cache);
}

TEST_CASE("whatever changes the tokens changes the store") {
  Scene scene;
  const auto base = scene.prepare({"one"}).store;
  const auto differs = [&] { return scene.prepare({"one"}).store != base; };
  scene.options.cutoff_len = 10;
  CHECK(differs());
  scene.options.cutoff_len = 2048;
  scene.options.mask_history = true;
  CHECK(differs());
  scene.options.mask_history = false;
  scene.options.max_samples = 1;
  CHECK(differs());
  scene.options.max_samples.reset();
  scene.chat_template.default_system = "Other.";
  CHECK(differs());
  scene.chat_template = text::ChatTemplate::load(test::share(), "qwen");
  CHECK(!differs());
  scene.tokenizer.add_special_token("<new>");
  CHECK(differs());
  scene.tokenizer = text::Tokenizer::load(test::fixtures() / "data/tokenizer");
  scene.chat_template.repair(scene.tokenizer);
  scene.folder.write("data/one.json", "[{\"instruction\": \"a\", \"output\": \"other\"}]");
  CHECK(differs());
}

TEST_CASE("what changes the tokens of tools and thoughts changes the store") {
  Scene scene("qwen3");
  const std::string columns = R"("columns": {"messages": "conversations", "tools": "tools"})";
  const auto describe = [&](const std::string& more) {
    scene.folder.write("data/dataset_info.json",
                       R"({"talk": {"file_name": "talk.json", "formatting": "sharegpt", )" + columns + more + "}}");
  };
  const auto text = [](const char* answer) {
    return std::string(
               R"([{"conversations": [{"from": "human", "value": "Hi"}, {"from": "function_call", "value": ")") +
           answer + R"("}], "tools": "[{\"name\": \"f\"}]"}])";
  };
  scene.folder.write("data/talk.json", text(R"({\"name\": \"f\", \"arguments\": {}})"));
  describe("");
  std::set<std::filesystem::path> stores;
  const auto is_new = [&] { return stores.insert(scene.prepare({"talk"}).store).second; };
  CHECK(is_new());
  CHECK(!is_new());
  scene.chat_template.enable_thinking = false;
  CHECK(is_new());
  scene.chat_template.enable_thinking.reset();
  CHECK(is_new());
  scene.chat_template.preserve_thinking = true;
  CHECK(is_new());
  scene.chat_template.reasoning = false;
  CHECK(is_new());
  scene.chat_template.function.front().text += " ";
  CHECK(is_new());
  scene.chat_template.observation.front().text += " ";
  CHECK(is_new());
  for (const char* format : {"llama3", "mistral", "default"}) {
    scene.chat_template.set_tool_format(test::share(), format);
    CHECK(is_new());
  }
  describe(R"(, "tags": {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt",
    "function_tag": "function_call"})");
  CHECK(is_new());
}

TEST_CASE("messages that are left out are counted by reason, and a column that no record has is noted") {
  Scene scene;
  scene.folder.write("data/dataset_info.json", R"({"talk": {"file_name": "talk.jsonl", "formatting": "sharegpt",
    "columns": {"messages": "talk", "tools": "tols", "system": "system"}}})");
  const std::string hi = R"({"from": "human", "value": "Hi"})", ho = R"({"from": "gpt", "value": "Ho"})";
  std::string lines = R"({"talk": [)" + hi + "," + ho + R"(], "system": "s"})" + "\n" + R"({"talk": [)" + hi + "]}\n" +
                      R"({"talk": [)" + ho + "," + hi + "]}\n" + R"({"talk": [)" + hi + "]}\n";
  scene.folder.write("data/talk.jsonl", lines);
  const auto report = scene.prepare({"talk"});
  const std::string note = scene.folder.path().string() +
                           "/data/dataset_info.json:1: data set 'talk': no record has 'tols', which columns names for "
                           "the tools.";
  const Lines expected = {
      "2 left out: its last message is a question, which has no answer (first: talk.jsonl:2 (record 2)).",
      "1 left out: its messages do not take turns: human or observation is expected where gpt stands (first: "
      "talk.jsonl:3 (record 3)).",
      note};
  CHECK(remarks(report) == expected);
  CHECK(remarks(scene.prepare({"talk"})) == expected);  // from the store
  CHECK(remarks(check_datasets(scene.options, nullptr, nullptr).report) == expected);
  for (int i = 0; i < 30; ++i)
    lines += R"({"talk": [{"from": "speaker )" + std::to_string(i) + R"(", "value": "Hi"}]})" + "\n";
  scene.folder.write("data/talk.jsonl", lines);
  const auto many = scene.prepare({"talk"});
  REQUIRE(many.dropped.size() == 21);
  CHECK(many.dropped[2].reason == "from 'speaker 0' is none that tags name");
  CHECK(many.dropped.back().reason == "other reasons");
  CHECK(many.dropped.back().count == 12);
  scene.folder.write("data/talk.jsonl", "{\"conversations\": [" + hi + "," + ho + "]}\n");
  CHECK(scene.problems({"talk"}).find("no record has 'talk'; the first one has: conversations.") != std::string::npos);
}

TEST_CASE("tools and calls that are no such JSON stop with every place and the next step") {
  Scene scene;
  scene.folder.write("data/dataset_info.json", R"({"talk": {"file_name": "talk.jsonl", "formatting": "sharegpt",
    "columns": {"messages": "talk", "tools": "tools"}}})");
  scene.folder.write("data/talk.jsonl",
                     R"({"talk": [{"from": "human", "value": "Hi"}, {"from": "function_call", "value": "Hello"}]}
{"talk": [{"from": "human", "value": "Hi"}, {"from": "function_call", "value": "{\"name\": \"f\"}"}]}
{"talk": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Ho"}], "tools": "Hello"}
)");
  const std::string found = scene.problems({"talk"});
  CHECK(found == scene.error({"talk"}));
  CHECK(
      found ==
      "data/talk.jsonl:1 (record 1): call:1:1: not well-formed JSON: expected a value, found 'Hello'; write {\"name\": "
      "..., \"arguments\": {...}}, or a list of such\n"
      "data/talk.jsonl:2 (record 2): a call has no name or no arguments: {\"name\":\"f\"}; write {\"name\": ..., "
      "\"arguments\": {...}}\n"
      "data/talk.jsonl:3 (record 3): tools:1:1: not well-formed JSON: expected a value, found 'Hello'");
}

TEST_CASE("a damaged store is made again") {
  Scene scene;
  const auto path = scene.prepare({"one"}).store;
  const auto good = read_file(path);
  write_file_atomically(path, good.substr(0, good.size() / 2));
  const auto report = scene.prepare({"one"});
  CHECK(!report.from_cache);
  CHECK(read_file(path) == good);
}

TEST_CASE("max_samples takes the first of each data set, num_samples draws exactly so many by the seed") {
  Scene scene;
  scene.options.max_samples = 1;
  CHECK(scene.prepare({"one", "two"}).read == 2);
  scene.options.max_samples.reset();
  CHECK(scene.prepare({"drawn"}).read == 30);
  const auto first = flat(scene.store({"drawn"}));
  scene.options.seed = 43;
  CHECK(flat(scene.store({"drawn"})) != first);
  scene.folder.write("data/many.jsonl",
                     "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"c\", \"output\": \"d\"}");
  CHECK(scene.prepare({"drawn"}).kept == 30);  // topped up with repeats
}

TEST_CASE("val_size divides the records as datasets does, before any is left out, and each part has its store") {
  Scene scene;
  scene.options.seed = 42;
  const auto lines = [&](std::optional<Part> part) {
    scene.options.part = part;
    std::vector<std::string> origins;
    const auto store = scene.store({"one", "two"});
    for (std::int64_t i = 0; i < store.size(); ++i) origins.push_back(store.origin(i));
    return origins;
  };
  // numpy's default_rng(42).permutation(5) is 4, 2, 3, 1, 0; the records 1 (of one.json) and 1 (of two.jsonl) are no
  // use.
  const std::string first = "one.json:2 (record 1)", third = "one.json:4 (record 3)", fourth = "two.jsonl:1 (record 1)";
  CHECK(lines(Part{0.5, true}) == Lines{third, fourth});  // ⌈0.5 · 5⌉ = 3 of them
  CHECK(lines(Part{0.5, false}) == Lines{first});
  CHECK(lines(Part{4, true}) == Lines{third, fourth});
  CHECK(lines(Part{4, false}) == Lines{first});
  CHECK(lines(std::nullopt) == Lines{first, third, fourth});
  CHECK(scene.prepare({"one", "two"}).from_cache);
  scene.options.part = Part{5, true};
  CHECK(scene.error({"one", "two"}) ==
        "val_size 5 would hold out all 5 records for evaluation: leave some to train on.");
  CHECK(scene.problems({"one", "two"}).find("val_size 5 would hold out all 5 records") != std::string::npos);
}

TEST_CASE("truncation is counted") {
  Scene scene;
  const auto whole = scene.prepare({"all"});
  CHECK(whole.truncated == 0);
  scene.options.cutoff_len = 40;
  const auto cut = scene.prepare({"all"});
  CHECK(cut.truncated > 0);
  CHECK(cut.tokens + cut.tokens_cut == whole.tokens);
  CHECK(TokenStore::open(cut.store).longest() == 40);
  CHECK(summary(cut).back().find("cut to cutoff_len") != std::string::npos);
}

TEST_CASE("examples with nothing left to learn are counted; when there is no other, that stops the run") {
  Scene scene("empty");
  scene.folder.write("data/two.jsonl",
                     "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"c\", \"output\": \"\"}\n");
  CHECK(scene.prepare({"two"}).without_labels == 1);
  scene.folder.write("data/two.jsonl", "{\"instruction\": \"c\", \"output\": \"\"}\n");
  CHECK(scene.error({"two"}) == "None of the 1 examples has anything to learn: their answers are empty.");
  scene.options.cutoff_len = 1;
  for (const bool train_on_prompt : {false, true}) {  // the one label of a first token is predicted by nothing
    scene.options.train_on_prompt = train_on_prompt;
    CHECK(scene.error({"one"}) == "cutoff_len 1 leaves nothing to learn in any of the 2 examples: raise it.");
    CHECK(scene.problems({"one"}) == scene.error({"one"}));
  }
}

TEST_CASE("progress counts all records, in the calling thread") {
  Scene scene;
  scene.options.datasets = {"many.jsonl"};
  std::vector<std::int64_t> seen;
  std::int64_t total = 0;
  prepare(scene.options, scene.tokenizer, scene.chat_template, [&](std::int64_t done, std::int64_t all) {
    seen.push_back(done);
    total = all;
  });
  CHECK(seen.size() > 3);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == 1500);
  CHECK(total == 1500);
}

TEST_CASE("broken JSON stops with every place at once") {
  Scene scene;
  scene.folder.write("data/two.jsonl",
                     "{\"instruction\": \"e\", \"output\": \"f\"}\n{\"instruction\": \n{\"instruction\": \"a\", "
                     "\"output\": \"\xff\"}\n");
  const auto text = scene.error({"one", "two"});
  CHECK(text.find("data/two.jsonl:2:16: the record is not well-formed JSON: expected a value, found the end") !=
        std::string::npos);
  CHECK(text.find("data/two.jsonl:3:33: the record is not well-formed JSON: invalid string: ill-formed UTF-8 byte") !=
        std::string::npos);
  CHECK(!std::filesystem::exists(scene.folder.path() / "cache/store"));
}

TEST_CASE("a failed run leaves nothing in the cache") {
  Scene scene;
  scene.folder.write("data/two.jsonl", "{\"instruction\": \n");
  CHECK(scene.error({"two"}) != "");
  CHECK(std::filesystem::is_empty(scene.folder.path() / "cache"));
}

TEST_CASE("what a killed run left in the cache is removed") {
  Scene scene;
  const auto left = scene.folder.write("cache/.0123.tokens.lmf-a1B2c3", "half of a store");
  scene.prepare({"one"});
  CHECK(!std::filesystem::exists(left));
}

TEST_CASE("where the cache folder cannot be written, the fallback holds the store") {
  Scene scene;
  scene.options.cache_directory = scene.folder.write("file", "") / "cache";
  CHECK(scene.error({"one"}).starts_with("the cache folder file/cache cannot be written ("));
  scene.options.fallback_directory = scene.folder.path() / "out/tokenised";
  CHECK(scene.prepare({"one"}).store.parent_path() == scene.options.fallback_directory);
  CHECK(scene.prepare({"one"}).from_cache);
}

TEST_CASE("records of another form are told by the fields they have") {
  Scene scene;
  scene.folder.write("data/two.jsonl", "{\"messages\": [], \"id\": 1}\n");
  CHECK(scene.error({"two"}).find("data set 'two': no record has 'output'; the first one has: messages, id.") !=
        std::string::npos);
  scene.folder.write("data/two.jsonl", "{\"output\": \"a\", \"instuction\": \"b\"}\n");
  CHECK(scene.error({"two"}).find("no record has 'instruction'; the first one has: output, instuction.") !=
        std::string::npos);
}

TEST_CASE("a record of a file that is one line is found by its number") {
  Scene scene;
  scene.folder.write("data/one.json", R"([{"instruction": "a", "output": "b"}, {"instruction": "c", "output": 1}, )"
                                      R"({"instruction": "d", "output": "e"}])");
  const auto report = scene.prepare({"one"});
  REQUIRE(report.dropped.size() == 1);
  CHECK(report.dropped[0].first_place == "one.json:1 (record 2)");
  CHECK(TokenStore::open(report.store).origin(1) == "one.json:1 (record 3)");
}

TEST_CASE("no valid example is an error that says why") {
  Scene scene;
  scene.folder.write("data/two.jsonl",
                     "{\"instruction\": \"a\", \"output\": 1}\n{\"instruction\": \"b\", \"output\": 2}\n");
  CHECK(scene.error({"two"}) ==
        "The data sets have no valid example: 2 records read; 2 times: output is a number, not a text (first: "
        "two.jsonl:1 (record 1)).");
}

TEST_CASE("checking reports everything at once and writes nothing") {
  Scene scene;
  scene.folder.write("data/two.jsonl", "{\"instruction\": \"a\", \"output\": \"b\"\n");
  scene.options.cutoff_len = 0;
  const auto text = scene.problems({"one", "two", "thre", "absent.json"});
  for (const auto* part :
       {"cutoff_len is 0", "no data set 'thre'", "there is no file absent.json",
        "data/two.jsonl:1:35: the record is not well-formed JSON: expected ',' or '}', found the end"}) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(!std::filesystem::exists(scene.folder.path() / "cache"));
  scene.options.cutoff_len = 100;
  CHECK(scene.problems({"one"}) == "");
  CHECK(!std::filesystem::exists(scene.folder.path() / "cache"));
}

TEST_CASE("checking counts what preparing counts, tokens too where a tokenizer is given") {
  Scene scene;
  scene.options.cutoff_len = 40;
  const auto prepared = scene.prepare({"all", "drawn"});
  const auto checked = check_datasets(scene.options, &scene.tokenizer, &scene.chat_template);
  CHECK(checked.problems.empty());
  CHECK(checked.report.read == prepared.read);
  CHECK(checked.report.kept == prepared.kept);
  CHECK(checked.report.tokens == prepared.tokens);
  CHECK(checked.report.truncated == prepared.truncated);
  const auto untokenised = check_datasets(scene.options, nullptr, nullptr);
  CHECK(untokenised.problems.empty());
  CHECK(untokenised.report.kept == prepared.kept);
  CHECK(untokenised.report.tokens == 0);
}

TEST_CASE("a file that is broken throughout does not flood the screen") {
  Scene scene;
  scene.folder.write("data/two.jsonl", [] {
    std::string lines;
    for (int i = 0; i < 50; ++i) lines += "{\n";
    return lines;
  }());
  CHECK(scene.problems({"two"}) == scene.error({"two"}));
  CHECK(scene.error({"two"}).ends_with("\nand 30 more."));
}

TEST_CASE("a token that the template needs and the tokenizer lacks is found by checking") {
  Scene scene;
  scene.chat_template.user.insert(scene.chat_template.user.begin(), {text::Slot::Kind::token, "<|absent|>"});
  CHECK(scene.problems({"one"}).find("needs the token '<|absent|>'") != std::string::npos);
}

TEST_CASE("options that exclude each other are refused") {
  Scene scene;
  scene.options.train_on_prompt = true;
  scene.options.mask_history = true;
  CHECK(scene.error({"one"}) == "train_on_prompt and mask_history exclude each other.");
  scene.options.mask_history = false;
  scene.options.stage = "dpo";
  CHECK(scene.error({"one"}).find("stage 'dpo'") != std::string::npos);
  CHECK(scene.error({}).find("No data set is named") != std::string::npos);
}

TEST_CASE("the first example is described by its ids, text and what is learned of it") {
  Scene scene;
  const auto store = scene.store({"one"});
  const auto text = describe(store[0], scene.tokenizer);
  CHECK(text.find("\ninputs:\n<|im_start|>system\nYou are Qwen") != std::string::npos);
  CHECK(text.find("\nlabel_ids:\n[-100, ") != std::string::npos);
  CHECK(text.ends_with("\nlabels:\nb<|im_end|>\n"));
}
