// The edge of liblmf-export-verify.so: C functions, and nothing thrown leaves them.
#include "verify_abi.h"

#include "base/host.hpp"
#include "lmf/error.hpp"
#include "model/torch_guard.hpp"
#include "quantize/quantize.hpp"
#include "verify/verify.hpp"

extern "C" int lmf_export_verify_v1(const lmf_host_v1* host, const char* job_json, char* error, size_t error_capacity) {
  const auto work = [&] {
    lmf::adopt_host(*host);
    lmf::exporter::verify(lmf::exporter::VerifyJob::from_json(job_json), host->share_directory, host->version);
    return lmf::kExitDone;
  };
  return lmf::model::guarded(work, lmf::Error("out of memory while verifying", "pass verify=false to leave it out"),
                             error, error_capacity);
}

extern "C" int lmf_export_quantize_v1(const lmf_host_v1* host, const char* job_json, char* error,
                                      size_t error_capacity) {
  const auto work = [&] {
    lmf::adopt_host(*host);
    lmf::exporter::quantize(lmf::exporter::QuantizeJob::from_json(job_json), host->version);
    return lmf::kExitDone;
  };
  return lmf::model::guarded(
      work,
      lmf::Error("out of memory while quantising", "lower export_quantization_nsamples or export_quantization_maxlen"),
      error, error_capacity);
}
