#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

/// Other processes as /proc shows them: who descends from whom, who belongs to a job.
namespace lmf::train::launch {

/// The variable that every process of a job inherits: the ids of its agents, the outermost first, "12-345/67-890".
inline constexpr const char* kJobVariable = "LMF_JOB";

/// Everything below `ancestor` but `except` and what is below that, without what has ended. With an agent that is a
/// child subreaper this is complete: nobody leaves the tree by losing its parent.
std::vector<pid_t> descendants_of(pid_t ancestor, pid_t except);

/// Cheap: whether this process has children other than `except`, ended ones included.
bool has_children_besides(pid_t except);

/// Of a worker's. Its number can be that of strangers once the worker is reaped and the session empty: of what is in
/// it, only what started before that is the job's for sure.
struct WorkerSession {
  pid_t leader = 0;
  std::uint64_t reaped = std::numeric_limits<std::uint64_t>::max();  ///< when, as clock_ticks() has it; max: not yet
};

/// The time since the machine started, in the unit of a process's start in /proc.
std::uint64_t clock_ticks();

/// What the agent `id` left behind when it died: everything that carries its id in kJobVariable, or is in one of the
/// sessions. Used when the tree is gone.
std::vector<pid_t> processes_of_job(std::string_view id, const std::vector<WorkerSession>& sessions);

/// What the processes of a session have done so far: those that are there, and those that their parents have waited
/// for. Falls when one is gone for which nobody has waited.
struct Activity {
  std::uint64_t used = 0;       ///< processor time, in clock_ticks()' unit
  std::uint64_t written = 0;    ///< bytes, to files and pipes; 0 where that cannot be seen
  bool waits_for_disk = false;  ///< one of them, right now
};
/// By leader; of a session that is gone there is none.
std::map<pid_t, Activity> activity_of(const std::vector<pid_t>& sessions);

/// Whether `pid` catches the signal: otherwise USR1 would end it.
bool catches_signal(pid_t pid, int signal);

/// Its program's, at most 15 letters, as the kernel has it and without anything that a terminal would obey; "?" of one
/// that has ended.
std::string process_name(pid_t pid);

/// A name for this process that no other has had since the machine started: "PID-START".
std::string unique_process_id();

/// "SIGKILL" of 9; "signal 63" of one without a name.
std::string signal_name(int signal);
/// 15 of "SIGTERM" or "TERM"; 0 of an unknown name.
int signal_number(std::string_view name);

}  // namespace lmf::train::launch
