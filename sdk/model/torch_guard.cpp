// What work with libtorch throws, as sentences and exit statuses.
#include "model/torch_guard.hpp"

#include <exception>
#include <new>
#include <string>
#include <system_error>

#include "base/log.hpp"
#include "lmf/plugin.hpp"

namespace lmf::model {
namespace {

int fail(const Error& problem, char* error, std::size_t capacity) {
  const std::string hint = problem.hint().empty() ? "" : "\n  " + problem.hint();
  detail::copy_error(problem.what() + hint, error, capacity);
  return problem.exit_status();
}

}  // namespace

Error explain(const c10::Error& problem, const Error& out_of_memory) {
  log::debug("{}", problem.what());
  const std::string text = problem.what_without_backtrace();
  if (text.find("allocate memory") != text.npos || text.find("out of memory") != text.npos) return out_of_memory;
  return Error("libtorch: " + text.substr(0, text.find('\n')), {}, kExitInternal);
}

int guarded(const std::function<int()>& work, const Error& out_of_memory, char* error, std::size_t capacity) noexcept {
  try {
    return work();
  } catch (const Error& problem) {
    return fail(problem, error, capacity);
  } catch (const c10::Error& problem) {
    return fail(explain(problem, out_of_memory), error, capacity);
  } catch (const std::bad_alloc&) {
    return fail(out_of_memory, error, capacity);
  } catch (const std::system_error& problem) {  // the system said no: folders, threads
    return fail(Error(problem.what()), error, capacity);
  } catch (const std::exception& problem) {
    return fail(Error(std::string("internal error: ") + problem.what(), {}, kExitInternal), error, capacity);
  } catch (...) {
    return fail(Error("internal error: an exception of unknown type", {}, kExitInternal), error, capacity);
  }
}

}  // namespace lmf::model
