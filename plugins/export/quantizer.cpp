#include "quantizer.hpp"

#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "linears.hpp"

namespace lmf::exporter {

Quantizer::Quantizer(const Quantization& wanted, const Inputs& inputs, const lmf_host_v1& host)
    : wanted_(wanted),
      texts_(),
      group_(group_for(inputs.spec, wanted.bits)),
      function_(host, LMF_EXPORT_QUANTIZE, "the library that quantises exports", "leave export_quantization_bit out") {
  texts_ = draw_calibration_texts(wanted, inputs.tokenizer);
  const auto context = static_cast<std::size_t>(model::context_length(inputs.spec));
  if (context > 0 && wanted.longest > context)
    log::warn(
        "export_quantization_maxlen is {}, and the model was trained for {} tokens: what it computes beyond them "
        "calibrates nothing well",
        wanted.longest, context);
  if (group_ < 0)
    log::info("some linears' widths are no multiples of 32: each row has one scale (group_size -1)");
  else if (group_ < 128)
    log::info("some linears' widths are no multiples of 128: groups of {} columns have a scale", group_);
}

void Quantizer::quantize(const std::filesystem::path& folder, std::uint64_t shard_bytes) const {
  nlohmann::json job = {{"folder", path_bytes(folder)},
                        {"dataset", wanted_.dataset.string()},
                        {"seed", wanted_.seed},
                        {"bits", wanted_.bits},
                        {"group", group_},
                        {"shard_bytes", shard_bytes},
                        {"calibration", texts_.calibration},
                        {"held_out", texts_.held_out}};
  // A name of a file need not be UTF-8, and here it is only to be read by people.
  function_(nlohmann::json::parse(job.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

}  // namespace lmf::exporter
