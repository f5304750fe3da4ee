// The edge of liblmf-export-verify.so: C functions, and nothing thrown leaves them.
#include "verify_abi.h"

#include <exception>
#include <new>
#include <string>
#include <system_error>

#include <c10/util/Exception.h>

#include "base/host.hpp"
#include "base/log.hpp"
#include "lmf/error.hpp"
#include "lmf/plugin.hpp"
#include "quantize/quantize.hpp"
#include "verify/verify.hpp"

namespace {

int fail(int status, const std::string& text, char* error, size_t capacity) {
  lmf::detail::copy_error(text, error, capacity);
  return status;
}

/// Runs `work`, and tells what it throws. `memory`: the sentence for too little of it.
template <class Work>
int guarded(const Work& work, const char* memory, char* error, size_t error_capacity) noexcept {
  try {
    work();
    return lmf::kExitDone;
  } catch (const lmf::Error& problem) {
    const std::string hint = problem.hint().empty() ? "" : "\n  " + problem.hint();
    return fail(problem.exit_status(), problem.what() + hint, error, error_capacity);
  } catch (const c10::Error& problem) {
    lmf::log::debug("{}", problem.what());
    const std::string text = problem.what_without_backtrace();
    if (text.find("allocate memory") != text.npos) return fail(lmf::kExitFailed, memory, error, error_capacity);
    return fail(lmf::kExitInternal, "libtorch: " + text.substr(0, text.find('\n')), error, error_capacity);
  } catch (const std::bad_alloc&) {
    return fail(lmf::kExitFailed, memory, error, error_capacity);
  } catch (const std::system_error& problem) {
    return fail(lmf::kExitFailed, problem.what(), error, error_capacity);
  } catch (const std::exception& problem) {
    return fail(lmf::kExitInternal, std::string("internal error: ") + problem.what(), error, error_capacity);
  } catch (...) {
    return fail(lmf::kExitInternal, "internal error: an exception of unknown type", error, error_capacity);
  }
}

}  // namespace

extern "C" int lmf_export_verify_v1(const lmf_host_v1* host, const char* job_json, char* error, size_t error_capacity) {
  const auto work = [&] {
    lmf::adopt_host(*host);
    lmf::exporter::verify(lmf::exporter::VerifyJob::from_json(job_json), host->share_directory, host->version);
  };
  return guarded(work, "out of memory while verifying\n  pass verify=false to leave it out", error, error_capacity);
}

extern "C" int lmf_export_quantize_v1(const lmf_host_v1* host, const char* job_json, char* error,
                                      size_t error_capacity) {
  const auto work = [&] {
    lmf::adopt_host(*host);
    lmf::exporter::quantize(lmf::exporter::QuantizeJob::from_json(job_json), host->version);
  };
  return guarded(work,
                 "out of memory while quantising\n  lower export_quantization_nsamples or export_quantization_maxlen",
                 error, error_capacity);
}
