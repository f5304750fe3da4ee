// `lmf chat`: asks a model, in a terminal or from a script.
#include <unistd.h>

#include "base/host.hpp"
#include "base/log.hpp"
#include "config/options.hpp"
#include "conversation.hpp"
#include "interrupts.hpp"
#include "model/torch_guard.hpp"
#include "output.hpp"
#include "sessions.hpp"
#include "settings.hpp"

namespace {

using namespace lmf::chat;

int run_session(Conversation& conversation, const Arguments& arguments) {
  Interrupts interrupts;
  try {
    if (!arguments.prompts.empty()) return answer_prompts(conversation, arguments, interrupts);
    if (::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO) && !arguments.json)
      return converse(conversation, arguments, interrupts);
    return answer_lines(conversation, arguments, interrupts);
  } catch (const ReaderGone& gone) {
    return 128 + gone.signal;  // as any program ends whose reader went away
  }
}

int chat(const lmf::Invocation& call) {
  lmf::adopt_host(call.host);
  const auto arguments = split_arguments(call.arguments);
  const auto table = lmf::config::OptionTable::of_plugin(call.host, "chat",
                                                         {"prompt", "system", "json", "no-history", "no-wrap", "help"});
  auto read = lmf::config::read_options(table, arguments.options);
  lmf::config::throw_problems(read.problems);
  for (const std::string& note : read.notes) lmf::log::info("{}", note);
  if (arguments.system) read.options.set_text("default_system", *arguments.system, "command line");

  ChangeableSettings settings(table, std::move(read.options));
  try {
    const auto model = lmf::infer::LoadedModel::load(settings.values().model, call.host.share_directory);
    Conversation conversation(model, settings);
    return run_session(conversation, arguments);
  } catch (const c10::Error& error) {
    throw lmf::model::explain(error, lmf::infer::out_of_memory());
  }
}

}  // namespace

LMF_PLUGIN(chat)
