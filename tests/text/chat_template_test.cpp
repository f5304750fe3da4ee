#include "text/chat_template.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include <nlohmann/json.hpp>

#include "lmf/error.hpp"
#include "support/places.hpp"

using namespace lmf;
using namespace lmf::text;
using Names = std::vector<std::string>;

namespace {

const Names kTemplates = {"alpaca", "chatml",    "deepseekr1", "default", "empty", "llama2",
                          "llama3", "ministral", "mistral",    "qwen",    "qwen3", "qwen3_nothink",
                          "smollm", "smollm2",   "vicuna",     "yi",      "zephyr"};

Tokenizer tokenizer_of(const ChatTemplate& chat_template) {
  Tokenizer tokenizer = Tokenizer::load(test::fixtures() / "data/tokenizer");
  chat_template.repair(tokenizer);
  return tokenizer;
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The message for a template file with this text, without the folder.
std::string template_error(const std::string& toml) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "some.toml";
  std::ofstream(path) << toml;
  try {
    ChatTemplate::read(path);
  } catch (const Error& error) {
    return std::string(error.what()).substr(folder.path().string().size() + 1) + error.hint();
  }
  return {};
}

const std::vector<Message> kTurn = {{Role::user, "Hi"}, {Role::assistant, "Ho"}};

}  // namespace

TEST_CASE("the shipped templates are all there and readable") {
  CHECK(ChatTemplate::names(test::share()) == kTemplates);
  for (const auto& name : kTemplates) CHECK(ChatTemplate::load(test::share(), name).name == name);
}

TEST_CASE("an unknown template gets a suggestion and the list") {
  try {
    ChatTemplate::load(test::share(), "qwem");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()) == "There is no template 'qwem'. Did you mean 'qwen'?");
    CHECK(error.hint().find("alpaca, chatml, deepseekr1") != std::string::npos);
    CHECK(error.exit_status() == kExitUsage);
  }
  CHECK_THROWS_AS(ChatTemplate::load(test::share(), "../templates/qwen"), Error);
  CHECK_THROWS_WITH_AS(ChatTemplate::load("/nonexistent", "qwen"), "No chat templates in /nonexistent/templates.",
                       Error);
}

TEST_CASE("what a template file does not say takes the defaults") {
  const test::TemporaryFolder folder;
  std::ofstream(folder.path() / "bare.toml") << "";
  const auto bare = ChatTemplate::read(folder.path() / "bare.toml");
  CHECK(bare.prefix.empty());
  CHECK(bare.user.size() == 1);
  CHECK(bare.assistant.size() == 2);
  CHECK(bare.assistant[1].kind == Slot::Kind::eos);
  std::ofstream(folder.path() / "efficient.toml") << "efficient_eos = true\nuser = [\"Q {{content}} A\"]";
  const auto efficient = ChatTemplate::read(folder.path() / "efficient.toml");
  CHECK(efficient.assistant.size() == 1);
  CHECK(efficient.observation[0].text == "Q {{content}} A");
}

TEST_CASE("a template file that is not understood is refused with file and line") {
  CHECK(template_error("user = [\"{{content}}\"").starts_with("some.toml:1: "));
  CHECK(template_error("\nuzer = [\"{{content}}\"]") ==
        "some.toml:2: 'uzer' is no key of a template. Did you mean 'user'?");
  CHECK(template_error("user = [\"no place\"]") == "some.toml:1: user has {{content}} 0 times, expected 1.");
  CHECK(template_error("user = [\"{{content}}\", \"{{content}}\"]") ==
        "some.toml:1: user has {{content}} 2 times, expected 1.");
  CHECK(template_error("prefix = [\"{{content}}\"]") == "some.toml:1: prefix has {{content}} 1 times, expected 0.");
  CHECK(template_error("user = [\"{{content}} {{idx}}\"]") ==
        "some.toml:1: user has the unknown placeholder {{idx}}; {{content}} is the only one.");
  CHECK(template_error("user = \"{{content}}\"") == "some.toml:1: user is not a list.");
  CHECK(template_error("user = [\"{{content}}\",\n 7]") ==
        "some.toml:2: user holds texts, {special = \"...\"} and {token = \"...\"} only.");
  CHECK(template_error("user = [\"{{content}}\", {special = \"cls\"}]").find("'cls' in user is neither") !=
        std::string::npos);
  CHECK(template_error("user = [\"{{content}}\", {tokn = \"x\"}]").find("neither") != std::string::npos);
  CHECK(template_error("user = [\"{{content}}\", {token = \"a\", special = \"eos\"}]").find("only") !=
        std::string::npos);
  CHECK(template_error("default_system = 1") == "some.toml:1: default_system is not a text.");
  CHECK(template_error("stop_words = [\"\"]") == "some.toml:1: stop_words has an empty text.");
  CHECK(template_error("efficient_eos = \"yes\"") == "some.toml:1: efficient_eos is neither true nor false.");
  CHECK(template_error("replace_eos = true") ==
        "some.toml:1: replace_eos needs a first stop word to replace eos with.");
  CHECK(template_error("system_in_first_user = true\nsystem = [\"{{content}}\", {special = \"eos\"}]") ==
        "some.toml:1: system has to be one text when system_in_first_user is set.");
}

TEST_CASE("repairs give the original's eos, pad, vocabulary and stop ids") {
  const auto expected = nlohmann::json::parse(std::ifstream(test::fixtures() / "data/expected.json")).at("repaired");
  for (const auto& row : expected) {
    const std::string name = row.at("template");
    CAPTURE(name);
    const auto own = test::fixtures() / "data" / (name + ".toml");
    const auto chat_template =
        std::filesystem::exists(own) ? ChatTemplate::read(own) : ChatTemplate::load(test::share(), name);
    Tokenizer tokenizer = Tokenizer::load(test::fixtures() / "data/tokenizer");
    const auto before = tokenizer.vocab_size();
    const bool grown = chat_template.repair(tokenizer);
    CHECK(tokenizer.special().eos == row.at("eos").get<std::string>());
    CHECK(tokenizer.special().pad == row.at("pad").get<std::string>());
    CHECK(tokenizer.vocab_size() == row.at("size").get<std::int64_t>());
    CHECK(grown == (tokenizer.vocab_size() > before));
    CHECK(chat_template.stop_ids(tokenizer) == row.at("stop").get<std::vector<std::int32_t>>());
    CHECK_FALSE(chat_template.repair(tokenizer));  // nothing is left to repair
  }
}

TEST_CASE("the Jinja form is the one that was rendered beside the original's texts") {
  for (const auto& name : kTemplates) {
    CAPTURE(name);
    const auto chat_template = ChatTemplate::load(test::share(), name);
    const auto text = chat_template.jinja(tokenizer_of(chat_template));
    if (std::getenv("LMF_WRITE_FIXTURES")) std::ofstream(test::fixtures() / "data/jinja" / (name + ".jinja")) << text;
    CHECK(text == read_text(test::fixtures() / "data/jinja" / (name + ".jinja")));
  }
}

TEST_CASE("quotes and backslashes of a system text survive in Jinja; a named token has no Jinja form") {
  auto chat_template = ChatTemplate::load(test::share(), "qwen");
  const auto tokenizer = tokenizer_of(chat_template);
  chat_template.default_system = "It's \\n";
  CHECK(chat_template.jinja(tokenizer).find("{% set system_text = 'It\\'s \\\\n' %}") != std::string::npos);
  for (auto* slots : {&chat_template.prefix, &chat_template.observation}) {
    const auto before = *slots;
    *slots = {{Slot::Kind::token, "<s>"}};
    CHECK(chat_template.jinja(tokenizer) == "");
    *slots = before;
  }
  CHECK(chat_template.jinja(tokenizer) != "");
}

TEST_CASE("the tokenizer gets the template's Jinja when it has none, or when the template insists") {
  const auto qwen = ChatTemplate::load(test::share(), "qwen");
  Tokenizer tokenizer = tokenizer_of(qwen);
  CHECK(tokenizer.chat_template() == qwen.jinja(tokenizer));
  tokenizer.set_chat_template("own");
  qwen.repair(tokenizer);
  CHECK(tokenizer.chat_template() == "own");
  const auto vicuna = ChatTemplate::load(test::share(), "vicuna");
  vicuna.repair(tokenizer);
  CHECK(tokenizer.chat_template() == vicuna.jinja(tokenizer));
}

TEST_CASE("a message that holds a placeholder stays as it is") {
  const auto chat_template = ChatTemplate::load(test::share(), "qwen");
  const auto tokenizer = tokenizer_of(chat_template);
  const auto encoded = chat_template.encode(tokenizer, {{Role::user, "{{content}} {{idx}}"}}, "{{content}}");
  CHECK(tokenizer.decode(encoded[0]) ==
        "<|im_start|>system\n{{content}}<|im_end|>\n<|im_start|>user\n{{content}} "
        "{{idx}}<|im_end|>\n<|im_start|>assistant\n");
}

TEST_CASE("named tokens are looked up; one that the vocabulary lacks is an error") {
  auto chat_template = ChatTemplate::load(test::share(), "empty");
  const auto tokenizer = tokenizer_of(chat_template);
  chat_template.prefix = {{Slot::Kind::token, "<|im_start|>"}};
  CHECK(chat_template.encode(tokenizer, kTurn)[0][0] == *tokenizer.token_id("<|im_start|>"));
  chat_template.prefix[0].text = "[gMASK]";
  CHECK_THROWS_WITH_AS(chat_template.encode(tokenizer, kTurn),
                       "The template 'empty' needs the token '[gMASK]', which the tokenizer does not have.", Error);
}

TEST_CASE("turns have to alternate and to end with an answer") {
  const auto chat_template = ChatTemplate::load(test::share(), "default");
  const auto tokenizer = tokenizer_of(chat_template);
  CHECK(chat_template.encode_turns(tokenizer, kTurn).size() == 1);
  CHECK_THROWS_AS(chat_template.encode_turns(tokenizer, {{Role::user, "Hi"}}), Error);
  CHECK_THROWS_AS(chat_template.encode_turns(tokenizer, {{Role::assistant, "Hi"}, {Role::user, "Ho"}}), Error);
  CHECK_THROWS_AS(chat_template.encode_turns(tokenizer, {{Role::user, "Hi"}, {Role::user, "Ho"}}), Error);
  CHECK_THROWS_WITH_AS(chat_template.encode(tokenizer, {{Role::system, "Hi"}}), doctest::Contains("system message"),
                       Error);
  CHECK_THROWS_WITH_AS(chat_template.encode(tokenizer, {{Role::function, "Hi"}}),
                       doctest::Contains("call:1:1: not well-formed JSON"), Error);
}

TEST_CASE("the prompt of an answer forgets earlier thoughts, and ends with an empty one where none is to come") {
  auto chat_template = ChatTemplate::load(test::share(), "qwen3");
  const auto tokenizer = tokenizer_of(chat_template);
  const std::vector<Message> messages = {
      {Role::user, "Hi"}, {Role::assistant, "<think>\nA greeting.\n</think>\n\nHo"}, {Role::user, "And?"}};
  const auto prompt = [&](std::optional<bool> thinks = std::nullopt) {
    return tokenizer.decode(chat_template.encode_prompt(tokenizer, messages, "", "", thinks), false);
  };
  const std::string said = "<|im_start|>assistant\nHo<|im_end|>\n", empty = "<think>\n\n</think>\n\n";
  CHECK(prompt().find(said) != std::string::npos);
  CHECK(prompt().ends_with("And?<|im_end|>\n<|im_start|>assistant\n"));
  CHECK(prompt(false) == prompt() + empty);
  for (const std::optional<bool> thinking : {std::optional(false), std::optional<bool>()}) {
    chat_template.enable_thinking = thinking;
    CHECK(prompt().ends_with("<|im_start|>assistant\n" + empty));
    CHECK(prompt(true) + empty == prompt());
  }
  chat_template.preserve_thinking = true;
  CHECK(prompt().find("A greeting.") != std::string::npos);
  // A template without thoughts leaves them alone; an empty one is added on request, where the tokenizer knows the
  // mark.
  chat_template = ChatTemplate::load(test::share(), "qwen3_nothink");
  CHECK(prompt().find("A greeting.") != std::string::npos);
  CHECK(prompt(false) == prompt());
  auto knowing = tokenizer_of(chat_template);
  knowing.add_special_token("<think>");
  CHECK(knowing.decode(chat_template.encode_prompt(knowing, messages, "", "", false), false).ends_with(empty));
}

TEST_CASE("before a call stands whatever was said, without the thought") {
  const auto chat_template = ChatTemplate::load(test::share(), "qwen3");
  const auto tokenizer = tokenizer_of(chat_template);
  const auto prompt = [&](const std::string& said) {
    const std::vector<Message> messages = {
        {Role::user, "Hi"}, {Role::function, R"({"name": "f", "arguments": {}})", said}, {Role::observation, "5"}};
    return tokenizer.decode(chat_template.encode_prompt(tokenizer, messages, ""), false);
  };
  const std::string call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call><|im_end|>";
  for (const std::string said : {"", "Look.\n", "<tool_call>{}</tool_call>\n", "I <tool_call>\n"}) {
    CHECK(prompt(said).find("<|im_start|>assistant\n" + said + call) != std::string::npos);
    CHECK(prompt("<think>\nHm.\n</think>\n\n" + said) == prompt(said));
  }
}

TEST_CASE(
    "without a named template: empty, or the one whose Jinja the tokenizer has; any other Jinja asks for a name") {
  Tokenizer tokenizer = Tokenizer::load(test::fixtures() / "data/tokenizer");
  CHECK(ChatTemplate::choose(test::share(), {}, tokenizer).name == "empty");
  const auto qwen = ChatTemplate::choose(test::share(), {.name = "qwen", .default_system = "Be brief."}, tokenizer);
  CHECK(qwen.name == "qwen");
  CHECK(qwen.default_system == "Be brief.");
  const auto other = ChatTemplate::choose(
      test::share(),
      {.name = "qwen3", .tool_format = "llama3", .enable_thinking = std::nullopt, .preserve_thinking = true},
      tokenizer);
  CHECK(other.tool_format->name == "llama3");
  CHECK(!other.enable_thinking);
  CHECK(other.preserve_thinking);
  auto llama3 = ChatTemplate::load(test::share(), "llama3");
  llama3.repair(tokenizer);
  CHECK(ChatTemplate::choose(test::share(), {}, tokenizer).name == "llama3");
  llama3.set_tool_format(test::share(), "mistral");
  tokenizer.set_chat_template(llama3.jinja(tokenizer));
  CHECK(ChatTemplate::choose(test::share(), {}, tokenizer).name == "llama3");
  CHECK(ChatTemplate::choose(test::share(), {}, tokenizer).tool_format->name == "mistral");
  tokenizer.set_chat_template("{{ messages }}");
  CHECK_THROWS_WITH_AS(ChatTemplate::choose(test::share(), {}, tokenizer), doctest::Contains("No template is named"),
                       Error);
}
