#include "data/dataset_info.hpp"

#include <doctest/doctest.h>

#include <random>

#include "data/folder.hpp"

using lmf::data::DatasetDescription;
using lmf::data::Formatting;
using lmf::data::resolve_datasets;
using lmf::test::Folder;
using Lines = std::vector<std::string>;

namespace {

struct Resolved {
  std::vector<DatasetDescription> datasets;
  Lines problems;
};

Resolved resolve(const Folder& folder, const Lines& names) {
  Resolved result;
  result.datasets = resolve_datasets(names, folder.path(), result.problems);
  const std::string prefix = folder.path().string() + "/";
  for (std::string& text : result.problems) {
    for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) text.erase(at, prefix.size());
  }
  return result;
}

/// The problem of the one data set x that this text describes.
std::string problem(const Folder& folder, const std::string& description) {
  folder.write("x.json", "[{}]");
  folder.write("dataset_info.json", "{\n\"x\": " + description + "\n}");
  const auto result = resolve(folder, {"x"});
  CHECK(result.datasets.size() + result.problems.size() == 1);
  return result.problems.empty() ? "" : result.problems[0];
}

}  // namespace

TEST_CASE("a described data set gives its file and alpaca's column names") {
  const Folder folder;
  CHECK(
      problem(
          folder,
          R"({"file_name": "x.json", "formatting": "alpaca", "ranking": false, "split": "train", "num_samples": 5})") ==
      "");
  const auto dataset = resolve(folder, {"x"}).datasets.at(0);
  CHECK(dataset.files == std::vector{folder.path() / "x.json"});
  CHECK(dataset.place == (folder.path() / "dataset_info.json").string() + ":2");
  CHECK(dataset.num_samples == 5);
  CHECK(dataset.columns.prompt == "instruction");
  CHECK(dataset.columns.query == "input");
  CHECK(dataset.columns.response == "output");
  CHECK(!dataset.columns.history);
  CHECK(!dataset.columns.system);
}

TEST_CASE("a column map replaces the defaults as a whole") {
  const Folder folder;
  CHECK(problem(
            folder,
            R"({"file_name": "x.json", "columns": {"prompt": "q", "response": "a", "history": "h", "query": null}})") ==
        "");
  const auto columns = resolve(folder, {"x"}).datasets.at(0).columns;
  CHECK(columns.prompt == "q");
  CHECK(!columns.query);
  CHECK(columns.response == "a");
  CHECK(columns.history == "h");
}

TEST_CASE("sharegpt's and openai's form have columns and tags; what a map does not list does not exist") {
  const Folder folder;
  CHECK(problem(folder, R"({"file_name": "x.json", "formatting": "sharegpt"})") == "");
  const auto plain = resolve(folder, {"x"}).datasets.at(0);
  CHECK(plain.formatting == Formatting::sharegpt);
  CHECK(plain.columns.messages == "conversations");
  CHECK(!plain.columns.tools);
  CHECK(plain.tags.role == "from");
  CHECK(plain.tags.function == "function_call");
  CHECK(problem(folder, R"({"file_name": "x.json", "formatting": "openai",
    "columns": {"messages": "talk", "tools": "functions"},
    "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}})") == "");
  const auto mapped = resolve(folder, {"x"}).datasets.at(0);
  CHECK(mapped.formatting == Formatting::openai);
  CHECK(mapped.columns.messages == "talk");
  CHECK(mapped.columns.tools == "functions");
  CHECK(!mapped.columns.system);
  CHECK(mapped.tags.user == "user");
  CHECK(!mapped.tags.observation);
  const std::string start = "dataset_info.json:2: data set 'x': ";
  CHECK(problem(folder, R"({"file_name": "x.json", "columns": {"system": "s"}, "formatting": "sharegpt"})") ==
        start + "columns does not list 'messages', which hold the conversation.");
  CHECK(problem(folder, R"({"file_name": "x.json", "tags": {"role_tag": "role"}, "formatting": "sharegpt"})") ==
        start + "tags does not list 'assistant_tag'; what it does not list does not exist.");
  CHECK(problem(folder, R"({"file_name": "x.json", "tags": {"role_tg": "role"}, "formatting": "sharegpt"})") ==
        start + "'role_tg' is no tag. Did you mean 'role_tag'?");
  CHECK(problem(folder, R"({"file_name": "x.json", "tags": 5})") == start + "tags is not an object.");
  CHECK(problem(folder, R"({"file_name": "x.json", "tags": {"role_tag": 5}})") ==
        start + "tags.role_tag is not a text.");
}

TEST_CASE("unknown keys are refused with a suggestion, with file and line") {
  const Folder folder;
  CHECK(problem(folder, "{\"file_name\": \"x.json\",\n \"format\": \"sharegpt\"}") ==
        "dataset_info.json:3: data set 'x': 'format' is no key of a data set. Did you mean 'formatting'?");
  CHECK(problem(folder, R"({"file_name": "x.json", "columns": {"promt": "q", "response": "a"}})") ==
        "dataset_info.json:2: data set 'x': 'promt' is no column. Did you mean 'prompt'?");
}

TEST_CASE("what the original knows and lmf does not do yet is refused by its name") {
  const Folder folder;
  for (const std::string source : {"hf_hub_url", "ms_hub_url", "om_hub_url", "script_url", "cloud_file_name"}) {
    CHECK(problem(folder, "{\"" + source + "\": \"someone/something\"}").find(source + " is not supported yet") !=
          std::string::npos);
  }
  CHECK(problem(folder, R"({"file_name": "x.json", "formatting": "alpace"})").find("formatting 'alpace' is unknown") !=
        std::string::npos);
  CHECK(problem(folder, R"({"file_name": "x.json", "ranking": true})").find("ranking data") != std::string::npos);
  CHECK(problem(folder, R"({"file_name": "x.json", "split": "test"})").find("split is not supported yet") !=
        std::string::npos);
  for (const std::string column : {"images", "videos", "audios", "chosen", "rejected", "kto_tag"}) {
    CHECK(
        problem(folder, "{\"file_name\": \"x.json\", \"columns\": {\"response\": \"a\", \"" + column + "\": \"b\"}}") ==
        "dataset_info.json:2: data set 'x': the column " + column + " is not supported yet.");
  }
}

TEST_CASE("values of a wrong type are refused") {
  const Folder folder;
  CHECK(problem(folder, "[1]") == "dataset_info.json:2: data set 'x' is not described by an object.");
  CHECK(problem(folder, "{}") == "dataset_info.json:2: data set 'x' has no file_name.");
  CHECK(problem(folder, R"({"file_name": 7})").find("file_name is not a text") != std::string::npos);
  CHECK(problem(folder, R"({"file_name": ""})").find("file_name is empty") != std::string::npos);
  CHECK(problem(folder, R"({"file_name": "x.json", "num_samples": 0})")
            .find("num_samples is not a whole number from 1 to 100000000") != std::string::npos);
  CHECK(problem(folder, R"({"file_name": "x.json", "num_samples": "9"})")
            .find("num_samples is not a whole number from 1 to 100000000") != std::string::npos);
  CHECK(problem(folder, R"({"file_name": "x.json", "ranking": "no"})").find("ranking is neither true nor false") !=
        std::string::npos);
  CHECK(problem(folder, R"({"file_name": "x.json", "columns": "all"})").find("columns is not an object") !=
        std::string::npos);
  CHECK(problem(folder, R"({"file_name": "x.json", "columns": {"prompt": "q"}})").find("does not list 'response'") !=
        std::string::npos);
}

TEST_CASE("every problem of every named data set is reported at once, and only theirs") {
  const Folder folder;
  folder.write("dataset_info.json",
               "{\"good\": {\"file_name\": \"good.json\"},\n\"a\": {\"file_name\": \"gone.json\"},\n"
               "\"b\": {\"file_name\": \"good.json\", \"colums\": {},\n\"ranking\": 3},\n\"unused\": {\"what\": 1}}");
  folder.write("good.json", "[{}]");
  const auto result = resolve(folder, {"good", "a", "b", "goood"});
  CHECK(result.datasets.size() == 1);
  CHECK(result.problems ==
        Lines{"dataset_info.json:2: data set 'a': there is no file gone.json.",
              "dataset_info.json:3: data set 'b': 'colums' is no key of a data set. Did you mean 'columns'?",
              "dataset_info.json:4: data set 'b': ranking is neither true nor false.",
              "dataset_info.json has no data set 'goood'. Did you mean 'good'?"});
}

TEST_CASE("a broken dataset_info.json names file and line") {
  const Folder folder;
  const auto error = [&](std::string_view text) {
    folder.write("dataset_info.json", text);
    return lmf::test::error_of(folder.path(), [&] { resolve(folder, {"x"}); });
  };
  CHECK(error("{\"x\": {\"file_name\": \"x.json\"}\n\n \"y\"}")
            .starts_with("dataset_info.json:3:4: not well-formed JSON: expected ',' or '}', found a text"));
  CHECK(error("[]") == "dataset_info.json: not well-formed JSON: expected an object of data sets");
  CHECK(error("").starts_with("dataset_info.json:1:1: not well-formed JSON: expected a value, found the end"));
  CHECK(error("{\"x\": {}} {}").starts_with("dataset_info.json:1:11: not well-formed JSON: expected nothing more"));
  CHECK(error("{\"x\": \xff}").starts_with("dataset_info.json:1:7: not well-formed JSON: expected a value"));
  CHECK(error(std::string(100000, '[')).starts_with("dataset_info.json"));
}

TEST_CASE("any change of dataset_info.json's bytes gives data sets, problems or an error, never a crash") {
  const Folder folder;
  const std::string good =
      R"({"x": {"file_name": "x.json", "columns": {"prompt": "q", "response": "a"}, "num_samples": 5,
    "tags": {"role_tag": "r"}}, "y": {"formatting": "sharegpt", "ranking": true}})";
  folder.write("x.json", "[{}]");
  std::mt19937 random(11);
  int errors = 0;
  for (int round = 0; round < 600; ++round) {
    std::string text = good;
    for (unsigned change = random() % 3 + 1; change-- > 0;) {
      const std::size_t at = random() % text.size();
      if (random() % 2)
        text[at] = "[]{},:\"\\\n 1\xff"[random() % 12];
      else
        text.erase(at, random() % 9);
      if (text.empty()) text.push_back('{');
    }
    folder.write("dataset_info.json", text);
    errors += !lmf::test::error_of(folder.path(), [&] { resolve(folder, {"x", "y"}); }).empty();
  }
  MESSAGE(errors << " of 600 changed files were refused");
  CHECK(errors > 100);
}

TEST_CASE("a plain file or a folder is a data set too; a folder's files are taken by name and have to be of one type") {
  const Folder folder;
  folder.write("some/b.json", "[{}]");
  folder.write("some/a.jsonl", "{}");
  folder.write("some/.hidden", "");
  CHECK(resolve(folder, {"some/b.json"}).datasets.at(0).files == std::vector{folder.path() / "some/b.json"});
  const auto file = (folder.path() / "some/b.json").string();
  CHECK(resolve(folder, {file}).datasets.at(0).files == std::vector<std::filesystem::path>{file});
  const auto whole = resolve(folder, {(folder.path() / "some").string()});
  CHECK(whole.datasets.at(0).files == std::vector{folder.path() / "some/a.jsonl", folder.path() / "some/b.json"});
  folder.write("some/c.csv", "a,b");
  CHECK(resolve(folder, {(folder.path() / "some").string()})
            .problems.at(0)
            .find("some/c.csv is neither .json nor .jsonl") != std::string::npos);
  CHECK(resolve(folder, {"absent.json"}).problems ==
        Lines{"dataset: data set 'absent.json': there is no file absent.json."});
  std::filesystem::create_symlink("loop.json", folder.path() / "loop.json");  // what cannot even be looked at
  CHECK(resolve(folder, {"loop.json"}).problems == Lines{"dataset: data set 'loop.json': there is no file loop.json."});
  CHECK(resolve(folder, {"name"}).problems == Lines{"There is no dataset_info.json, where the data set 'name' would be "
                                                    "described; dataset_dir names the folder that has it, and "
                                                    "dataset may be a data file's path."});
}

TEST_CASE("data on a hub are refused") {
  Lines problems;
  CHECK(resolve_datasets({"x"}, "ONLINE", problems).empty());
  CHECK(resolve_datasets({"x"}, "REMOTE:someone/repository", problems).empty());
  CHECK(problems.size() == 2);
}
