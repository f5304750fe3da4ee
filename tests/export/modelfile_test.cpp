#include "modelfile.hpp"

#include <doctest/doctest.h>

#include "support/contains.hpp"
#include "support/places.hpp"

using namespace lmf;
using lmf::test::contains;

namespace {

std::string of(const std::string& name, const std::string& system = "", std::int64_t context = 131072) {
  auto tokenizer = text::Tokenizer::load(test::share() / "models/demo");
  auto chat = text::ChatTemplate::load(test::share(), name);
  if (!system.empty()) chat.default_system = system;
  return exporter::modelfile(&chat, tokenizer, ".", context);
}

}  // namespace

TEST_CASE("a Modelfile has the template, what ends an answer, and the context") {
  const std::string file = of("chatml");
  CAPTURE(file);
  CHECK(contains(file, "\nFROM .\n"));
  CHECK(contains(
      file,
      "TEMPLATE \"\"\"{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ range .Messages }}"
      "{{ if eq .Role \"user\" }}<|im_start|>user\n{{ .Content }}<|im_end|>\n<|im_start|>assistant\n"
      "{{ else if eq .Role \"assistant\" }}{{ .Content }}<|im_end|>\n{{ end }}{{ end }}\"\"\"\n"));
  CHECK(contains(file, "PARAMETER stop \"<|im_end|>\"\n"));
  CHECK(contains(file, "PARAMETER num_ctx 4096\n"));
  CHECK(!contains(file, "SYSTEM"));
  CHECK(contains(of("chatml", "", 512), "PARAMETER num_ctx 512\n"));
}

TEST_CASE("a system text that belongs into the first question stands there") {
  const std::string file = of("llama2");
  CAPTURE(file);
  CHECK(contains(file,
                 "{{ $first := true }}{{ range .Messages }}{{ if eq .Role \"user\" }}[INST] "
                 "{{ if and $first $.System }}<<SYS>>\n{{ $.System }}\n<</SYS>>\n\n{{ end }}{{ .Content }} [/INST]"
                 "{{ $first = false }}{{ else if"));
}

TEST_CASE("a default system text is given, and quotes and braces in texts stay texts") {
  CHECK(contains(of("qwen"), "SYSTEM \"\"\"You are Qwen"));
  CHECK(contains(of("chatml", "say \"\"\"hello\"\"\""), "SYSTEM \"\"\"say \" \" \"hello\" \" \"\"\"\"\n"));
  auto tokenizer = text::Tokenizer::load(test::share() / "models/demo");
  auto chat = text::ChatTemplate::load(test::share(), "chatml");
  chat.prefix = {{text::Slot::Kind::text, "{{ .X }}"}};
  CHECK(contains(exporter::modelfile(&chat, tokenizer, ".", 1), "TEMPLATE \"\"\"{{ \"{{\" }} .X }}{{ if .System"));
}

TEST_CASE("without a template ollama chooses") {
  const auto tokenizer = text::Tokenizer::load(test::share() / "models/demo");
  const std::string file = exporter::modelfile(nullptr, tokenizer, "./model-Q8_0.gguf", 4096);
  CHECK(contains(file, "FROM ./model-Q8_0.gguf\n"));
  CHECK(!contains(file, "TEMPLATE"));
  CHECK(contains(file, "PARAMETER stop \"<|im_end|>\"\n"));
}
