#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include <torch/utils.h>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <torch/types.h>

#include "model/decoder.hpp"
#include "support/places.hpp"
#include "text/tokenizer.hpp"

namespace lmf::test {

/// Writes a model's folder (the demo's tokenizer, ChatML) that answers everything with `words`, then stops; or,
/// `endless`, begins again. Its layers add nothing: each token's embedding is a coordinate of its own, and the head
/// maps that to the token that follows. So no token may occur twice.
/// `marks`: texts that are tokens of their own, and no special ones.
inline void write_speaking_model(const std::filesystem::path& folder, const std::string& words, bool endless = false,
                                 const std::vector<std::string>& marks = {}) {
  std::filesystem::create_directories(folder);
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(share() / "models/demo" / file, folder / file);
  if (!marks.empty()) {
    auto next = text::Tokenizer::load(folder).vocab_size();
    auto description = nlohmann::json::parse(std::ifstream(folder / "tokenizer.json"));
    for (const std::string& mark : marks)
      description["added_tokens"].push_back({{"id", next++},
                                             {"content", mark},
                                             {"single_word", false},
                                             {"lstrip", false},
                                             {"rstrip", false},
                                             {"normalized", false},
                                             {"special", false}});
    std::ofstream(folder / "tokenizer.json") << description;
  }
  const auto tokenizer = text::Tokenizer::load(folder);
  const std::int64_t vocabulary = tokenizer.vocab_size();
  std::ofstream(folder / "config.json") << nlohmann::json{{"model_type", "llama"},
                                                          {"architectures", {"LlamaForCausalLM"}},
                                                          {"vocab_size", vocabulary},
                                                          {"hidden_size", vocabulary},
                                                          {"intermediate_size", 8},
                                                          {"num_hidden_layers", 1},
                                                          {"num_attention_heads", 1},
                                                          {"num_key_value_heads", 1},
                                                          {"head_dim", 8},
                                                          {"max_position_embeddings", 1000000},
                                                          {"tie_word_embeddings", false},
                                                          {"rms_norm_eps", 1e-6},
                                                          {"hidden_act", "silu"}};
  auto decoder = model::Decoder::random(model::DecoderSpec::read(folder), 0);

  std::vector<std::int32_t> chain = {tokenizer.encode("\n").back()};  // a ChatML prompt's last token
  for (const auto id : tokenizer.encode(words)) chain.push_back(id);
  REQUIRE(std::set<std::int32_t>(chain.begin(), chain.end()).size() == chain.size());
  chain.push_back(endless ? chain[1] : tokenizer.token_id("<|im_end|>").value());

  const torch::NoGradGuard no_gradients;
  for (auto& [name, tensor] : decoder.parameters())
    if (name.find("proj") != name.npos) tensor.zero_();
  decoder.embedding.copy_(torch::eye(vocabulary));
  decoder.head.weight.zero_();
  for (std::size_t i = 0; i + 1 < chain.size(); ++i) decoder.head.weight.index_put_({chain[i + 1], chain[i]}, 1.0f);
  decoder.save(folder);
}

}  // namespace lmf::test
