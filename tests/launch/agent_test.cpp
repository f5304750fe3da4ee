// The agent's parts that can be judged without starting a job: what it reads, and what it does with workers' output.
#include <doctest/doctest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.hpp"
#include "lmf/error.hpp"
#include "support/places.hpp"
#include "train/launch/agent/failure_cause.hpp"
#include "train/launch/agent/failure_report.hpp"
#include "train/launch/agent/processes.hpp"
#include "train/launch/agent/run_folder.hpp"
#include "train/launch/agent/run_options.hpp"
#include "train/launch/agent/worker_output.hpp"
#include "train/launch/devices.hpp"

using namespace lmf;
using namespace lmf::train::launch;

namespace {

AgentOptions read(std::vector<const char*> words) {
  return read_run_options(std::string(LMF_SOURCE_DIR) + "/share/options/run.options.toml", words);
}

std::string problem(const std::vector<const char*>& words) {
  try {
    read(words);
  } catch (const Error& error) {
    CHECK(error.exit_status() == kExitUsage);
    return error.what();
  }
  return "none";
}

/// Sets variables for one test.
class With {
 public:
  With(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~With() { ::unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("options are torchrun's, with either dash, in every form; the program's own words are left alone") {
  const auto options = read({"--nproc_per_node", "3", "--max-restarts=2", "-r3", "-t", "0:1", "--master-port=1234",
                             "--shutdown-timeout=1.5", "/bin/echo", "-r", "--nnodes=9", "--", "-h"});
  CHECK(options.workers == 3);
  CHECK(options.max_restarts == 2);
  CHECK(options.grace == std::chrono::milliseconds(1500));
  CHECK(options.words == std::vector<std::string>{"/bin/echo", "-r", "--nnodes=9", "--", "-h"});
  CHECK(options.logs.redirects.has(7, Stream::error));
  CHECK(options.logs.tee.has(0, Stream::output));
  CHECK_FALSE(options.logs.tee.has(0, Stream::error));
  CHECK_FALSE(options.logs.tee.has(1, Stream::output));
  CHECK(options.rendezvous.port == 1234);
  CHECK(options.rendezvous.run_id == "none");
}

TEST_CASE("variables are defaults, also as older operators spell them") {
  const With count("PET_N_PROC_PER_NODE", "2"), standalone("PET_STANDALONE", ""), restarts("PET_MAX_RESTARTS", "4");
  CHECK(read({"/bin/true"}).workers == 2);
  CHECK(read({"/bin/true"}).max_restarts == 4);
  CHECK(read({"--nproc-per-node=5", "/bin/true"}).workers == 5);
  const With wrong("PET_MAX_RESTARTS", "often");
  CHECK(problem({"/bin/true"}) == "PET_MAX_RESTARTS is 'often', expected a whole number, at least 0");
}

TEST_CASE("the way to meet follows from the options") {
  using Backend = RendezvousOptions::Backend;
  const auto standalone = read({"--standalone", "--nnodes=3", "/bin/true"}).rendezvous;
  CHECK(standalone.backend == Backend::local);
  CHECK(standalone.maximum_nodes == 1);
  CHECK(standalone.port == 0);
  const auto fixed = read({"--nnodes=1:2", "--node-rank=1", "--master-addr=[::1]", "/bin/true"}).rendezvous;
  CHECK(fixed.backend == Backend::fixed);
  CHECK(fixed.minimum_nodes == 2);
  CHECK(fixed.host == "::1");
  CHECK(fixed.port == 29500);
  const auto elastic = read({"--nnodes=1:4", "--rdzv-backend=c10d", "--rdzv-endpoint=a.example", "--rdzv-id=job",
                             "--rdzv-conf=join_timeout='60',x=1", "/bin/true"})
                           .rendezvous;
  CHECK(elastic.backend == Backend::elastic);
  CHECK(elastic.minimum_nodes == 1);
  CHECK(elastic.port == 29400);
  CHECK(elastic.run_id == "job");
  CHECK(elastic.settings.at("join_timeout") == "60");
}

TEST_CASE("what is wrong is said with the option's name") {
  for (const auto& [words, text] : std::initializer_list<std::pair<std::vector<const char*>, const char*>>{
           {{}, "run needs a program"},
           {{"--nodes=2", "x"}, "unknown option '--nodes'. Did you mean 'nnodes'?"},
           {{"--nproc-per-node"}, "--nproc-per-node needs a value"},
           {{"--nproc-per-node=0", "/bin/true"},
            "--nproc-per-node is '0', expected a number from 1 to 4096, or cpu, gpu or auto"},
           {{"--nnodes=2", "--node-rank=2", "/bin/true"}, "--node-rank is 2, but there are 2 nodes (--nnodes)"},
           {{"--nnodes=2:1", "/bin/true"},
            "--nnodes is '2:1', expected a number of nodes, or MIN:MAX with 1 <= MIN <= MAX"},
           {{"--rdzv-backend=etcd", "/bin/true"}, "--rdzv-backend is 'etcd', expected static or c10d"},
           {{"--rdzv-backend=c10d", "/bin/true"},
            "--rdzv-backend c10d needs --rdzv-endpoint HOST:PORT, the same on every node"},
           {{"--rdzv-backend=c10d", "--rdzv-endpoint=h:99999", "/bin/true"},
            "--rdzv-endpoint is 'h:99999', expected HOST or HOST:PORT, with an IPv6 address in brackets"},
           {{"-r", "4", "/bin/true"},
            "--redirects is '4', expected 0 (none), 1 (output), 2 (error) or 3 (both), or one of them for each local "
            "rank, such as 0:3,1:2"},
           {{"--signals-to-handle=SIGTERM,SIGKILL", "/bin/true"},
            "--signals-to-handle: 'SIGKILL' is no signal that can be handled"},
           {{"--local-ranks-filter=0,x", "/bin/true"},
            "--local-ranks-filter is '0,x', expected local ranks with commas between, such as 0,1"},
           {{"--numa-binding=node", "/bin/true"}, "--numa-binding is not in this version"},
           {{"no-such-program-anywhere"}, "there is no program or Python script 'no-such-program-anywhere'"}}) {
    CAPTURE(text);
    CHECK(problem(words) == text);
  }
}

TEST_CASE("masks are read as CUDA reads them") {
  CHECK(count_of_mask("0,1,2", 4) == 3);
  CHECK(count_of_mask("", 4) == 0);
  CHECK(count_of_mask("-1", 4) == 0);
  CHECK(count_of_mask("0,7,1", 4) == 1);  // ends at the first that is no device
  CHECK(count_of_mask("1,1", 4) == 0);
  CHECK(count_of_mask("GPU-8f3a, MIG-1", 4) == 2);
  const With fake("LMF_FAKE_DEVICES", "4");
  CHECK(visible_devices().count == 4);
  const With mask("CUDA_VISIBLE_DEVICES", "2,3");
  CHECK(visible_devices().count == 2);
  CHECK(visible_devices().description == "2 GPUs in CUDA_VISIBLE_DEVICES");
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  for (const char* variable : {"ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ASCEND_RT_VISIBLE_DEVICES"}) {
    const With other(variable, "0,1,3");
    CHECK(visible_devices().description == std::string("3 GPUs in ") + variable);
  }
  const With wrong("LMF_FAKE_DEVICES", "some");
  CHECK_THROWS_WITH(visible_devices(), "environment: LMF_FAKE_DEVICES is 'some', expected a number of devices");
}

TEST_CASE("whole lines with a prefix on the console, every byte in the file, the last lines kept") {
  test::TemporaryFolder place;
  boost::asio::io_context context;
  int console[2], worker[2];
  REQUIRE(::pipe(console) == 0);
  REQUIRE(::pipe(worker) == 0);
  const std::string file = place.path() / "log";
  {
    Console shown(context, console[1]);
    CapturedStream::Destinations to;
    to.console = &shown;
    to.whole_lines = true;
    to.prefix = "[r0]:";
    std::ofstream(file).flush();
    to.file = FileDescriptor(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
    CapturedStream stream(context, FileDescriptor(worker[0]), std::move(to));
    const std::string text = "one\ntw";
    REQUIRE(::write(worker[1], text.data(), text.size()) == 6);
    context.run_for(std::chrono::milliseconds(50));
    REQUIRE(::write(worker[1], "o\r10%\r\n", 7) == 7);
    context.run_for(std::chrono::milliseconds(50));
    REQUIRE(::write(worker[1], "last", 4) == 4);
    stream.drain();  // its end without a newline: a line all the same
    CHECK(stream.last_lines() == std::vector<std::string>{"one", "10%", "last"});
    context.restart();
    context.run_for(std::chrono::milliseconds(50));
  }
  char buffer[256] = {};
  const ssize_t count = ::read(console[0], buffer, sizeof buffer);
  CHECK(std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(count, 0))) ==
        "[r0]:one\n[r0]:two\n[r0]:10%\n[r0]:last\n");
  std::ifstream read(file);
  CHECK(std::string(std::istreambuf_iterator<char>(read), {}) == "one\ntwo\r10%\r\nlast");
  for (const int end : {console[0], console[1], worker[1]}) ::close(end);
}

TEST_CASE("a file that takes no more is named with the cause, once; the console goes on") {
  boost::asio::io_context context;
  std::vector<std::string> said;
  log::set_sink([&](log::Level, std::string_view text) { said.emplace_back(text); }, log::Level::info);
  int console[2], worker[2];
  REQUIRE(::pipe(console) == 0);
  REQUIRE(::pipe(worker) == 0);
  {
    Console shown(context, console[1]);
    CapturedStream::Destinations to;
    to.console = &shown;
    to.file = FileDescriptor(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    to.file_name = "/dev/full";
    CapturedStream stream(context, FileDescriptor(worker[0]), std::move(to));
    for (int i = 0; i < 2; ++i) {
      REQUIRE(::write(worker[1], "line\n", 5) == 5);
      stream.drain();
    }
    for (int ready = 0; ready < 10; ::ioctl(console[0], FIONREAD, &ready))
      context.run_for(std::chrono::milliseconds(5));
  }
  log::set_sink({}, log::Level::off);
  REQUIRE(said.size() == 1);
  CHECK(said[0] ==
        "cannot write to /dev/full: No space left on device: it is not complete; free some space or choose a folder on "
        "another disk");
  char buffer[64] = {};
  CHECK(::read(console[0], buffer, sizeof buffer) == 10);
  for (const int end : {console[0], console[1], worker[1]}) ::close(end);
}

TEST_CASE("a folder for logs that cannot be made is named with the cause") {
  const test::TemporaryFolder place;
  const RunFolder folder(place.path() / "logs", "", "id", true);
  CHECK(folder.error_file("attempt_0", 3) == "attempt_0/3/error.json");  // as torchrun's
  std::ofstream(folder.path() + "/attempt_1").flush();
  CHECK(folder.attempt(0, 2).ends_with("/attempt_0"));
  CHECK_THROWS_WITH(
      folder.attempt(1, 2),
      fmt::format("cannot make a folder for the workers' logs: {}/attempt_1: File exists", folder.path()).c_str());
  const RunFolder bare("", place.path() / "bare", "id", false);
  const std::string attempt = bare.attempt(0, 2);
  CHECK(bare.error_file(attempt, 1) == attempt + "/1.error.json");
  CHECK(std::filesystem::is_empty(attempt));
}

TEST_CASE("the last lines of a text: bounded, without what a redrawn line showed before, without control characters") {
  CHECK(last_lines_of("").empty());
  CHECK(last_lines_of("a\n\nb") == std::vector<std::string>{"a", "", "b"});
  CHECK(last_lines_of("0%\r50%\r100%\nx\x1b[31m\n") == std::vector<std::string>{"100%", "x?[31m"});
  CHECK(last_lines_of("1\n2\n3\n4\n", 2) == std::vector<std::string>{"3", "4"});
  CHECK(last_lines_of(std::string(100'000, 'x'))[0].size() == 500);
}

TEST_CASE("ranks that fail alike are listed once; a worker's own traceback stands for its last lines") {
  const auto failure = [](int rank, int exit_code, const std::string& line) {
    Failure result;
    result.rank = rank;
    result.ending.exit_code = exit_code;
    result.last.lines = {"rank " + std::to_string(rank), line};
    return result;
  };
  FailureReport report;
  report.failures = {failure(2, 1, "no such file"), failure(3, 1, "no such file"), failure(1, 1, "other"),
                     failure(0, 1, "no such file"), failure(4, 2, "no such file")};
  const std::string table = report.table();
  CAPTURE(table);
  const auto says = [](const std::string& text, const std::string& part) { return text.find(part) != text.npos; };
  CHECK(says(table, "  rank 0, 3: exit code and last line as of rank 2 below\n"));
  CHECK_FALSE(says(table, "    | rank 3"));
  for (const char* shown : {"    | rank 1\n    | other\n", "    | rank 2", "    | rank 4"}) CHECK(says(table, shown));

  report.failures = {failure(0, 1, "ValueError: made up")};
  report.failures[0].traceback = {"Traceback", "  File", "ValueError: made up"};
  CHECK(says(report.table(), "  traceback : Traceback\n    File\n  ValueError: made up\n"));
  CHECK_FALSE(says(report.table(), "last lines"));
  report.failures[0].last.lines = {"something else"};
  report.failures[0].last.of_output = true;
  CHECK(says(report.table(), "  last lines: of standard output\n    | something else\n"));
}

TEST_CASE("causes are told from what is there to see") {
  Ending ending;
  ending.exit_code = 1;
  CHECK(cause_of(ending, 1,
                 {"x: error while loading shared libraries: libfoo.so.2: cannot open shared object file: No"},
                 {}) == "libfoo.so.2 is missing on this machine: install it, or add its folder to LD_LIBRARY_PATH");
  CHECK(cause_of(ending, 1, {"RuntimeError: CUDA out of memory. Tried"}, {}).starts_with("the GPU's memory"));
  CHECK(cause_of(ending, 1, {"bind: Address already in use"}, {.master_port = 29500}) ==
        "a port that it wanted is taken");
  CHECK(cause_of(ending, 1, {"nothing known"}, {}) == "");
  CHECK(cause_of(ending, 1, {"read: Connection reset by peer"}, {}) == "another rank ended first");
  CHECK(cause_of(ending, 1, {"read: Connection reset by peer"}, {.several_nodes = true}) ==
        "another rank ended first: look for an earlier failure on the other nodes");
  ending.signal = SIGSEGV;
  CHECK(cause_of(ending, 1, {}, {}).starts_with("it crashed"));
  ending.start_failure = "Permission denied";
  CHECK(cause_of(ending, 1, {}, {}) == "the program could not be started: Permission denied");
}

TEST_CASE("a collective operation that timed out: for how long, in which, and who was still at work") {
  Ending ending;
  ending.exit_code = 1;
  // As torch 2.13 ends.
  const std::vector<std::string> gloo = {
      R"(  File "/x/train.py", line 9, in <module>)",
      "    dist.all_reduce(value)",
      R"(  File "/x/torch/distributed/c10d_logger.py", line 83, in wrapper)",
      "    return func(*args, **kwargs)",
      R"(  File "/x/torch/distributed/distributed_c10d.py", line 3173, in all_reduce)",
      "    work.wait()",
      "RuntimeError: [/pytorch/third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:80] Timed out waiting 1500ms for "
      "recv "
      "operation to complete"};
  CHECK(
      cause_of(ending, 1, gloo, {.at_work = {3, 1, 2}}) ==
      "it waited 1.5 s in all_reduce for others in vain; rank 1-3 were still at work: their own last lines say where");
  CHECK(
      cause_of(ending, 1, gloo, {.several_nodes = true}) ==
      "it waited 1.5 s in all_reduce for others in vain; on this node none was still at work: look at the other nodes");
  const std::vector<std::string> backward = {R"(  File "/x/torch/autograd/graph.py", line 8, in _engine_run_backward)",
                                             "RuntimeError: Timed out waiting 60000ms for send operation to complete"};
  CHECK(
      cause_of(ending, 1, backward, {.at_work = {0}}) ==
      "it waited 60 s in the backward pass for others in vain; rank 0 was still at work: its own last lines say where");
  ending.signal = SIGABRT;
  const std::vector<std::string> nccl = {
      "[Rank 0] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=7, OpType=ALLREDUCE, NumelIn=1, "
      "NumelOut=1, "
      "Timeout(ms)=600000) ran for 600012 milliseconds before timing out."};
  CHECK(cause_of(ending, 1, nccl, {}) ==
        "it waited 600 s in ALLREDUCE (number 7) for others in vain; all of them have ended: the first to do so says "
        "why");
  CHECK(cause_of(ending, 1, {"Timed out waiting for the bus"}, {}).starts_with("it crashed"));
}

TEST_CASE("descendants are found although their parent is gone, when we are a subreaper") {
  REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const std::uint64_t before = clock_ticks();
  const pid_t child = ::fork();
  if (child == 0) {
    if (::fork() == 0) {
      ::setsid();
      const pid_t self = ::getpid();
      [[maybe_unused]] const auto written = ::write(ready[1], &self, sizeof self);
      ::pause();
    }
    ::_exit(0);
  }
  pid_t grandchild = 0;
  REQUIRE(::read(ready[0], &grandchild, sizeof grandchild) == sizeof grandchild);
  ::waitpid(child, nullptr, 0);
  CHECK(has_children_besides(0));
  CHECK_FALSE(has_children_besides(grandchild));
  CHECK(descendants_of(::getpid(), 0) == std::vector<pid_t>{grandchild});
  CHECK(descendants_of(::getpid(), grandchild).empty());
  CHECK(processes_of_job("no-such-job", {{grandchild}}) == std::vector<pid_t>{grandchild});
  CHECK(processes_of_job("no-such-job", {{grandchild, clock_ticks() + 1}}) == std::vector<pid_t>{grandchild});
  // The worker of that number was reaped before this process started: a stranger.
  CHECK(processes_of_job("no-such-job", {{grandchild, before}}).empty());
  CHECK_FALSE(catches_signal(grandchild, SIGUSR1));
  ::kill(grandchild, SIGKILL);
  ::waitpid(grandchild, nullptr, 0);
  CHECK_FALSE(has_children_besides(0));
  for (const int end : ready) ::close(end);
}

TEST_CASE("signals have names both ways") {
  CHECK(signal_name(15) == "SIGTERM");
  CHECK(signal_number("SIGUSR1") == SIGUSR1);
  CHECK(signal_number("USR1") == SIGUSR1);
  CHECK(signal_number("SIGNOTHING") == 0);
}
