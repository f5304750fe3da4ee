#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gguf/file_kind.hpp"
#include "gguf/header.hpp"
#include "model/decoder_spec.hpp"

namespace lmf::exporter {

/// Throws Error when llama.cpp would compute something else than the model: a kind of position encoding that it does
/// not have, or settings of one.
void require_gguf_form(const model::DecoderSpec& spec);

/// Architecture and hyperparameters.
void add_model(GgufHeader& header, const model::DecoderSpec& spec, FileKind kind, const std::string& name,
               std::uint64_t parameters);

/// llama.cpp's architecture: "llama" also for mistral.
std::string gguf_architecture(const model::DecoderSpec& spec);

/// rope_freqs.weight of Llama 3.1's position encoding, what each pair's frequency is divided by; else empty.
std::vector<float> rope_factors(const model::DecoderSpec& spec);

}  // namespace lmf::exporter
