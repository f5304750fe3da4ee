// How many processes train, and who starts them: every variable of LLaMA-Factory's launcher, and other launchers.
#include <doctest/doctest.h>

#include "lmf/error.hpp"
#include "train/launch/other_launchers.hpp"
#include "train/launch/topology.hpp"

using namespace lmf;
using train::Environment;
using train::Topology;
using Backend = train::launch::RendezvousOptions::Backend;
using Values = std::map<std::string, std::string, std::less<>>;

namespace {

Topology decide(Values values, int devices = 0, bool use_cpu = false) {
  return train::decide_topology(Environment(std::move(values)), {devices, std::to_string(devices) + " GPUs"}, use_cpu);
}

std::string refusal(Values values, int devices = 0) {
  try {
    const Topology topology = decide(std::move(values), devices);
    if (topology.refusal) return topology.refusal->what();
  } catch (const Error& error) {
    CHECK(error.exit_status() == kExitUsage);
    return error.what();
  }
  return "none";
}

std::string variable(const Topology& topology, const std::string& name) {
  for (const auto& [known, value] : topology.variables)
    if (known == name) return value;
  return "unset";
}

Values joined(Values values, const Values& more) {
  for (const auto& [name, value] : more) values[name] = value;
  return values;
}

}  // namespace

TEST_CASE("one process, unless several devices or FORCE_TORCHRUN ask for more") {
  CHECK(decide({}).kind == Topology::Kind::in_process);
  CHECK(decide({}, 1).kind == Topology::Kind::in_process);
  CHECK(decide({}, 8).kind == Topology::Kind::agent);
  CHECK(decide({}, 8).workers == 8);
  CHECK(decide({}, 8, /*use_cpu=*/true).kind == Topology::Kind::in_process);
  CHECK(decide({{"USE_RAY", "1"}}, 8).kind == Topology::Kind::in_process);
  CHECK(decide({{"USE_RAY", "1"}, {"FORCE_TORCHRUN", "1"}}, 8).kind == Topology::Kind::agent);
  CHECK(decide({{"FORCE_TORCHRUN", "1"}}).workers == 1);  // the original fails with 0 processes
  CHECK(decide({{"USE_MCA", "true"}}).kind == Topology::Kind::agent);
  CHECK(decide({{"NPROC_PER_NODE", "4"}}).kind ==
        Topology::Kind::in_process);  // the original reads it when it launches
  CHECK(decide({{"NPROC_PER_NODE", "4"}, {"FORCE_TORCHRUN", "1"}}).workers == 4);
  CHECK(decide({{"NPROC_PER_NODE", "4"}}).warning == "NPROC_PER_NODE=4 has no effect without FORCE_TORCHRUN=1");
  CHECK(decide({{"USE_RAY", "1"}}, 8).warning == "USE_RAY=1 keeps it at one process, which uses one device");
  CHECK(decide({{"USE_RAY", "1"}}, 1).warning == "");
  CHECK(decide({{"NPROC_PER_NODE", "2"}}, 8).workers == 2);
  CHECK(decide({{"NPROC_PER_NODE", "2"}}, 8).why.find(", NPROC_PER_NODE=2)") != std::string::npos);
  CHECK(decide({{"NPROC_PER_NODE", "8"}}, 8).why.find("NPROC_PER_NODE") == std::string::npos);
}

TEST_CASE("truth is what the original takes for it") {
  for (const char* word : {"1", "y", "Y", "true", "TRUE"})
    CHECK(decide({{"FORCE_TORCHRUN", word}}).kind == Topology::Kind::agent);
  for (const char* word : {"0", "yes", "on", "TRUE ", ""})
    CHECK(decide({{"FORCE_TORCHRUN", word}}).kind == Topology::Kind::in_process);
}

TEST_CASE("one node: a port that nobody chose is free, one that was chosen is kept") {
  const auto any = decide({}, 2).rendezvous;
  CHECK(any.backend == Backend::local);
  CHECK(any.port == 0);
  CHECK(any.run_id == "none");
  CHECK(decide({{"MASTER_PORT", "29501"}}, 2).rendezvous.port == 29501);
  CHECK(decide({{"MAX_RESTARTS", "3"}}, 2).max_restarts == 3);
}

TEST_CASE("two nodes as documented") {
  const auto topology =
      decide({{"NNODES", "2"}, {"NODE_RANK", "1"}, {"MASTER_ADDR", "10.0.0.1"}, {"MASTER_PORT", "29500"}}, 4);
  CHECK(topology.kind == Topology::Kind::agent);
  CHECK(topology.workers == 4);
  CHECK(topology.rendezvous.backend == Backend::fixed);
  CHECK(topology.rendezvous.maximum_nodes == 2);
  CHECK(topology.rendezvous.node_rank == 1);
  CHECK(topology.rendezvous.host == "10.0.0.1");
  CHECK(topology.why == "4 workers on this node (NNODES=2); node 1 of 2, meeting at 10.0.0.1:29500");
  CHECK(decide({{"NNODES", "2"}, {"MASTER_ADDR", "a"}}).rendezvous.port ==
        29500);  // one device on each: still two nodes
  CHECK(decide({{"NNODES", "2"}, {"MASTER_ADDR", "a"}, {"KUBERNETES_SERVICE_HOST", "x"}, {"JOB_COMPLETION_INDEX", "1"}})
            .rendezvous.node_rank == 1);
}

TEST_CASE("an elastic job as documented") {
  const Values values = {{"RDZV_ID", "my_job"}, {"NNODES", "2"}, {"MIN_NNODES", "1"}, {"MAX_NNODES", "4"}};
  const auto topology = decide(values, 1);
  CHECK(topology.rendezvous.backend == Backend::elastic);
  CHECK(topology.rendezvous.minimum_nodes == 1);
  CHECK(topology.rendezvous.maximum_nodes == 4);
  CHECK(topology.rendezvous.host == "127.0.0.1");
  CHECK(topology.rendezvous.port == train::port_from("my_job"));  // the same on every node
  CHECK(topology.why.find(std::to_string(topology.rendezvous.port)) != std::string::npos);
  const auto half = decide({{"RDZV_ID", "j"}, {"NNODES", "3"}, {"MIN_NNODES", "1"}, {"MASTER_ADDR", "a"}});
  CHECK(half.rendezvous.minimum_nodes == 3);  // as in the original
  CHECK(half.warning == "MIN_NNODES=1 has no effect without MAX_NNODES");
  CHECK(decide({{"RDZV_ID", "j"}, {"MASTER_PORT", "1"}}).why ==
        "1 worker on this node (RDZV_ID=j); 1 node meets at 127.0.0.1:1");
  CHECK(decide({{"RDZV_ID", "j"}, {"NNODES", "1:3"}}).rendezvous.maximum_nodes == 3);
  CHECK(decide({{"RDZV_ID", "j"}, {"MASTER_PORT", "1234"}}).rendezvous.port == 1234);
}

TEST_CASE("what counts for nothing beside another variable is said, and a second number of the node is refused") {
  const Values elastic = {{"RDZV_ID", "j"}, {"MASTER_ADDR", "a"}};
  CHECK(decide(joined(elastic, {{"NNODES", "2"}, {"MIN_NNODES", "1"}, {"MAX_NNODES", "4"}})).warning ==
        "NNODES=2 has no effect beside MIN_NNODES=1 and MAX_NNODES=4");
  CHECK(decide(joined(elastic, {{"NNODES", "2"}})).warning == "");  // it is the size
  CHECK(decide(joined(elastic, {{"NODE_RANK", "1"}})).warning ==
        "NODE_RANK=1 is only a wish with RDZV_ID: the nodes that are there share the ranks");
  CHECK(decide(joined(elastic, {{"RANK", "1"}, {"WORLD_SIZE", "2"}})).warning ==
        "RANK=1 and WORLD_SIZE=2 have no effect with RDZV_ID: the nodes agree on the ranks");
  const Values fixed = {{"NNODES", "2"}, {"NODE_RANK", "1"}, {"MASTER_ADDR", "a"}};
  CHECK(decide(joined(fixed, {{"RANK", "1"}})).warning == "RANK=1 has no effect beside NNODES and NODE_RANK");
  CHECK(refusal(joined(fixed, {{"RANK", "0"}})) == "environment: NODE_RANK is 1, but RANK is 0");
  CHECK(refusal(joined(fixed, {{"RANK", "0"}, {"WORLD_SIZE", "4"}})) == "environment: NODE_RANK is 1, but RANK is 0");
}

TEST_CASE("LMF_EXIT_COMPAT knows one word, also where nothing is launched") {
  CHECK(refusal({{"LMF_EXIT_COMPAT", "junk"}}) == "environment: LMF_EXIT_COMPAT is 'junk', expected torchrun");
  CHECK(refusal({{"LMF_EXIT_COMPAT", "junk"}}, 2) == refusal({{"LMF_EXIT_COMPAT", "junk"}}));
  CHECK(decide({{"LMF_EXIT_COMPAT", "torchrun"}}, 2).workers == 2);
  CHECK(decide({{"LMF_EXIT_COMPAT", ""}}, 2).workers == 2);
}

TEST_CASE("contradictions stop with a sentence") {
  CHECK(refusal({{"NNODES", "2"}}, 2) ==
        "environment: NNODES is 2, but neither MASTER_ADDR nor MASTER_PORT is set, so the nodes would never meet");
  CHECK(refusal({{"NNODES", "2"}, {"RANK", "1"}, {"MASTER_ADDR", "a"}}) ==
        "environment: NNODES is 2 and RANK is 1, but NODE_RANK is not set");
  CHECK(refusal({{"NNODES", "2"}, {"NODE_RANK", "2"}, {"MASTER_ADDR", "a"}}) ==
        "environment: NODE_RANK is 2, but NNODES is 2");
  CHECK(refusal({{"RANK", "1"}, {"FORCE_TORCHRUN", "1"}}) ==
        "environment: RANK is 1 and WORLD_SIZE is not set, but NNODES is not set, so this node would train alone");
  const Values pod = {{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}};
  CHECK(refusal(joined(pod, {{"NODE_RANK", "0"}}), 2) ==
        "environment: RANK is 1 and WORLD_SIZE is 2, but NNODES is not set, so this node would train alone");
  CHECK(refusal(joined(pod, {{"NODE_RANK", "0"}}), 1) == refusal(joined(pod, {{"NODE_RANK", "0"}}), 2));
  CHECK(decide({{"RANK", "0"}, {"WORLD_SIZE", "1"}}).kind == Topology::Kind::in_process);
  CHECK(decide({{"RANK", "0"}, {"WORLD_SIZE", "1"}, {"FORCE_TORCHRUN", "1"}}).workers == 1);
  for (const int devices : {0, 1, 2})
    CHECK(refusal({{"NODE_RANK", "1"}}, devices) == "environment: NODE_RANK is 1, but NNODES is 1");
  CHECK(refusal({{"NNODES", "2:4"}}, 2) == "environment: NNODES is '2:4', a range, which needs RDZV_ID");
  CHECK(refusal({{"NNODES", "two"}}) == "environment: NNODES is 'two', expected a whole number from 1 to 65536");
  CHECK(refusal({{"MASTER_PORT", "70000"}}, 2) ==
        "environment: MASTER_PORT is '70000', expected a whole number from 1 to 65535");
  CHECK(refusal({{"MAX_RESTARTS", "-1"}}, 2) ==
        "environment: MAX_RESTARTS is '-1', expected a whole number from 0 to 1000000");
  CHECK(refusal({{"NPROC_PER_NODE", "0"}, {"FORCE_TORCHRUN", "1"}}) ==
        "environment: NPROC_PER_NODE is '0', expected a whole number from 1 to 4096");
  CHECK(refusal({{"NPROC_PER_NODE", "gpu"}, {"FORCE_TORCHRUN", "1"}}) ==
        "environment: NPROC_PER_NODE is gpu, but there is none");
  CHECK(refusal({{"RDZV_ID", "j"}, {"MIN_NNODES", "3"}, {"MAX_NNODES", "2"}}) ==
        "environment: the least number of nodes is 3 (MIN_NNODES), the greatest 2 (MAX_NNODES)");
  // Also where they would have no effect.
  CHECK(refusal({{"MIN_NNODES", "3"}, {"MAX_NNODES", "2"}}, 2) ==
        "environment: the least number of nodes is 3 (MIN_NNODES), the greatest 2 (MAX_NNODES)");
  CHECK(refusal({{"MIN_NNODES", "x"}}, 2) == "environment: MIN_NNODES is 'x', expected a whole number from 1 to 65536");
  CHECK(decide({{"MAX_NNODES", "4"}}, 2).warning == "MAX_NNODES=4 has no effect without RDZV_ID");
}

TEST_CASE("a worker of torchrun or lmf never launches again") {
  const Values place = {{"RANK", "1"}, {"LOCAL_RANK", "1"}, {"WORLD_SIZE", "4"}};
  const Values force = {{"FORCE_TORCHRUN", "1"}, {"NNODES", "2"}, {"SLURM_PROCID", "0"}};
  CHECK(decide(joined(joined(place, force), {{"TORCHELASTIC_RUN_ID", "none"}}), 8).kind == Topology::Kind::worker);
  CHECK(decide(joined(place, {{"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}}), 8).why ==
        "rank 1 of 4, started by whoever set RANK and LOCAL_RANK");
  CHECK(refusal(place, 8) ==
        "environment: RANK, LOCAL_RANK and WORLD_SIZE are set, but MASTER_ADDR or MASTER_PORT is not");
  CHECK(refusal({{"LMF_JOB", "1-2"}}, 8).starts_with("environment: LMF_JOB says that a launcher started this process"));
}

TEST_CASE("Kubernetes: a PyTorchJob numbers pods; newer operators speak torchrun's language") {
  const auto job =
      decide({{"RANK", "1"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "j-master-0"}, {"MASTER_PORT", "23456"}}, 8);
  CHECK(job.kind == Topology::Kind::agent);
  CHECK(job.workers == 8);
  CHECK(job.rendezvous.maximum_nodes == 3);
  CHECK(job.rendezvous.node_rank == 1);
  CHECK(decide({{"PET_NNODES", "1"}, {"PET_LOG_DIR", "/logs"}}, 8).warning ==
        "PET_LOG_DIR=/logs has no effect here: what each rank says is in output_dir/rank_logs");
  const auto elastic = decide({{"PET_RDZV_BACKEND", "c10d"},
                               {"PET_RDZV_ENDPOINT", "j-worker-0:29400"},
                               {"PET_RDZV_ID", "j"},
                               {"PET_NNODES", "1:2"},
                               {"PET_MAX_RESTARTS", "5"},
                               {"PET_RDZV_CONF", "last_call_timeout=5"}});
  CHECK(elastic.rendezvous.backend == Backend::elastic);
  CHECK(elastic.rendezvous.host == "j-worker-0");
  CHECK(elastic.rendezvous.port == 29400);
  CHECK(elastic.max_restarts == 5);
  CHECK(elastic.rendezvous.settings.at("last_call_timeout") == "5");
  const auto trainer = decide({{"PET_NNODES", "2"},
                               {"PET_NPROC_PER_NODE", "2"},
                               {"PET_NODE_RANK", "1"},
                               {"PET_MASTER_ADDR", "j-node-0-0.j"},
                               {"PET_MASTER_PORT", "29400"}});
  CHECK(trainer.workers == 2);
  CHECK(trainer.rendezvous.host == "j-node-0-0.j");
}

TEST_CASE("a launcher that numbers tasks without their place on the node is no launcher of workers, which is said") {
  const auto alone = decide({{"PMI_RANK", "1"}, {"PMI_SIZE", "2"}});
  CHECK(alone.kind == Topology::Kind::in_process);
  CHECK(alone.warning ==
        "PMI_RANK=1 of PMI_SIZE=2 has no effect: its launcher does not say which task this is on its node (LOCAL_RANK, "
        "or for example MPI_LOCALRANKID)");
  CHECK(decide({{"PMI_RANK", "0"}, {"PMI_SIZE", "1"}}).warning == "");
}

TEST_CASE("torchrun's variables are named by their own names, and do not contradict the shorter ones") {
  const Values nodes = {{"PET_NNODES", "2"}, {"PET_MASTER_ADDR", "a"}, {"PET_NODE_RANK", "1"}};
  CHECK(decide(nodes, 4).why == "4 workers on this node (PET_NNODES=2); node 1 of 2, meeting at a:29500");
  CHECK(decide({{"PET_NPROC_PER_NODE", "3"}}, 4).why == "3 workers on this node (PET_NPROC_PER_NODE=3)");
  CHECK(decide({{"PET_NPROC_PER_NODE", "3"}, {"FORCE_TORCHRUN", "1"}}, 4).why ==
        "3 workers on this node (FORCE_TORCHRUN=1, PET_NPROC_PER_NODE=3)");
  CHECK(decide(joined(nodes, {{"NNODES", "2"}, {"MASTER_ADDR", "a"}})).rendezvous.maximum_nodes == 2);
  CHECK(refusal(joined(nodes, {{"PET_NODE_RANK", "2"}})) == "environment: PET_NODE_RANK is 2, but PET_NNODES is 2");
  CHECK(refusal({{"PET_NNODES", "1:2"}}) == "environment: PET_NNODES is '1:2', a range, which needs RDZV_ID");
  CHECK(refusal({{"PET_NPROC_PER_NODE", "many"}}) ==
        "environment: PET_NPROC_PER_NODE is 'many', expected a whole number from 1 to 4096");
  for (const char* name :
       {"NNODES", "NPROC_PER_NODE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT", "MAX_RESTARTS", "N_PROC_PER_NODE"}) {
    const std::string theirs = std::string("PET_") + name;
    const std::string ours = std::string(name) == "N_PROC_PER_NODE" ? "NPROC_PER_NODE" : name;
    CHECK(refusal({{theirs, "1"}, {ours, "2"}}) == "environment: " + ours + "=2, but " + theirs + "=1");
    // A launcher has used them, and its workers have their place from it.
    const Values place = {{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "0"}, {"LMF_JOB", "1-2"}};
    CHECK(decide(joined(place, {{theirs, "1"}, {ours, "2"}})).kind == Topology::Kind::worker);
  }
  const Values elastic = {{"PET_RDZV_BACKEND", "c10d"}, {"PET_RDZV_ENDPOINT", "a:1"}, {"PET_NNODES", "2"}};
  CHECK(decide(elastic).why == "1 worker on this node (PET_RDZV_ENDPOINT=a:1); 2 nodes meet at a:1");
  CHECK(refusal(joined(elastic, {{"PET_RDZV_ID", "j"}, {"RDZV_ID", "k"}})) ==
        "environment: RDZV_ID=k, but PET_RDZV_ID=j");
  CHECK(decide(joined(elastic, {{"MASTER_ADDR", "b"}, {"PET_MASTER_PORT", "1"}})).warning ==
        "MASTER_ADDR=b has no effect beside PET_RDZV_ENDPOINT=a:1");
}

TEST_CASE("srun: a task for each device is a worker, a task for each node an agent") {
  const Values step = {{"SLURM_STEP_ID", "0"},
                       {"SLURM_JOB_ID", "77"},
                       {"SLURM_NODEID", "1"},
                       {"SLURM_STEP_NUM_NODES", "2"},
                       {"SLURM_STEP_NODELIST", "gpu[01-02]"}};
  const Values per_device = joined(
      step,
      {{"SLURM_PROCID", "3"}, {"SLURM_LOCALID", "1"}, {"SLURM_NTASKS", "4"}, {"SLURM_STEP_TASKS_PER_NODE", "2(x2)"}});
  const auto worker = decide(per_device, 2);
  CHECK(worker.kind == Topology::Kind::worker);
  CHECK(variable(worker, "RANK") == "3");
  CHECK(variable(worker, "LOCAL_RANK") == "1");
  CHECK(variable(worker, "WORLD_SIZE") == "4");
  CHECK(variable(worker, "LOCAL_WORLD_SIZE") == "2");
  CHECK(variable(worker, "GROUP_RANK") == "1");
  CHECK(variable(worker, "MASTER_ADDR") == "gpu01");
  CHECK(variable(worker, "MASTER_PORT") == std::to_string(train::port_from("77.0")));
  const auto agent = decide(joined(step, {{"SLURM_PROCID", "1"}, {"SLURM_LOCALID", "0"}, {"SLURM_NTASKS", "2"}}), 8);
  CHECK(agent.kind == Topology::Kind::agent);
  CHECK(agent.rendezvous.node_rank == 1);
  CHECK(agent.rendezvous.host == "gpu01");
  CHECK(refusal(joined(per_device, {{"RANK", "0"}})) ==
        "environment: srun says that this is task 3 of 4 (SLURM_PROCID=3), but RANK=0");
  // The batch script itself, and a shell of salloc, are no tasks.
  CHECK(
      decide({{"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_STEP_ID", "batch"}}).kind ==
      Topology::Kind::in_process);
  CHECK(decide({{"SLURM_NTASKS", "4"}}).kind == Topology::Kind::in_process);
}

TEST_CASE("mpirun: the innermost launcher counts") {
  const Values mpi = {{"OMPI_COMM_WORLD_RANK", "1"},
                      {"OMPI_COMM_WORLD_SIZE", "2"},
                      {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
  const Values slurm = {{"SLURM_PROCID", "0"}, {"SLURM_LOCALID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_STEP_ID", "0"}};
  const auto worker = decide(joined(slurm, mpi), 2);
  CHECK(worker.kind == Topology::Kind::worker);
  CHECK(variable(worker, "RANK") == "1");
  CHECK(variable(worker, "MASTER_ADDR") == "127.0.0.1");
  CHECK(refusal(joined(mpi, {{"OMPI_COMM_WORLD_LOCAL_RANK", "0"}, {"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}})) ==
        "environment: mpirun (Open MPI) started 2 tasks on several nodes, but does not say where task 0 is");
  const auto hydra = decide({{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "0"}, {"MPI_LOCALNRANKS", "2"}});
  CHECK(hydra.why.starts_with("rank 0 of 2, started by mpirun (Hydra) (PMI_RANK=0)"));
  CHECK(refusal({{"PMI_RANK", "5"}, {"PMI_SIZE", "2"}, {"MPI_LOCALRANKID", "0"}}) ==
        "environment: PMI_RANK is '5', expected a whole number from 0 to 1");
}

TEST_CASE("own variables beside a launcher's task: alike they are said, otherwise both values are") {
  const Values mpi = {{"OMPI_COMM_WORLD_RANK", "1"},
                      {"OMPI_COMM_WORLD_SIZE", "2"},
                      {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
  const auto refused = [&](const Values& own, const std::string& evidence) {
    std::string shown;
    for (const auto& [name, value] : own) shown = name + "=" + value;
    CHECK(refusal(joined(mpi, own)) ==
          "environment: mpirun (Open MPI) says that this is task 1 of 2 (" + evidence + "), but " + shown);
  };
  refused({{"NPROC_PER_NODE", "4"}}, "OMPI_COMM_WORLD_LOCAL_SIZE=2");
  refused({{"LOCAL_WORLD_SIZE", "1"}}, "OMPI_COMM_WORLD_LOCAL_SIZE=2");
  refused({{"LOCAL_RANK", "0"}}, "OMPI_COMM_WORLD_LOCAL_RANK=1");
  refused({{"WORLD_SIZE", "4"}}, "OMPI_COMM_WORLD_SIZE=2");
  refused({{"NNODES", "2"}}, "OMPI_COMM_WORLD_LOCAL_SIZE=2 of OMPI_COMM_WORLD_SIZE=2");
  refused({{"NODE_RANK", "1"}}, "OMPI_COMM_WORLD_LOCAL_SIZE=2 of OMPI_COMM_WORLD_SIZE=2");
  CHECK(refusal(joined(mpi, {{"NNODES", "two"}})) ==
        "environment: NNODES is 'two', expected a whole number from 0 to 1048576");
  CHECK(refusal(joined(mpi, {{"LOCAL_RANK", "x"}})).starts_with("environment: LOCAL_RANK is 'x', expected a whole"));
  CHECK(refusal(joined(mpi, {{"RDZV_ID", "j"}})) ==
        "environment: mpirun (Open MPI) started 2 tasks, 2 of them on this node (OMPI_COMM_WORLD_RANK=1), and with "
        "RDZV_ID=j each would be an agent");
  // Others, to whom nothing is wrong, wait where this one would come without it.
  for (const auto& [name, value] : std::multimap<std::string, std::string>{{"NNODES", "2"},
                                                                           {"NNODES", "1:2"},
                                                                           {"NODE_RANK", "first"},
                                                                           {"NPROC_PER_NODE", "many"},
                                                                           {"MASTER_PORT", "0"}}) {
    const auto wrong = decide(joined(mpi, {{name, value}}));
    CHECK(wrong.kind == Topology::Kind::worker);
    CHECK_MESSAGE(wrong.refusal, name);
    CHECK(wrong.variables == decide(mpi).variables);
  }
  // All of torchrun's, set by hand from other values than the launcher's.
  CHECK(refusal(joined(mpi, {{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "0"}, {"MASTER_ADDR", "a"}})) ==
        "environment: mpirun (Open MPI) says that this is task 1 of 2 (OMPI_COMM_WORLD_LOCAL_RANK=1), but "
        "LOCAL_RANK=0");
  const auto placed = decide(joined(mpi, {{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "1"}}));
  CHECK(placed.kind == Topology::Kind::worker);
  CHECK(variable(placed, "MASTER_ADDR") == "127.0.0.1");  // which the launcher supplies

  const auto alike = decide(joined(mpi, {{"NNODES", "1"}, {"NPROC_PER_NODE", "2"}}), 8);
  CHECK(alike.kind == Topology::Kind::worker);
  CHECK(alike.warning ==
        "NNODES=1 and NPROC_PER_NODE=2 have no effect here: mpirun (Open MPI) has started the workers "
        "(OMPI_COMM_WORLD_RANK=1)");
  // What torchrun or lmf has started within a task is its own.
  CHECK(decide(joined(mpi, {{"RANK", "5"}, {"WORLD_SIZE", "8"}, {"LOCAL_RANK", "1"}, {"TORCHELASTIC_RUN_ID", "x"}}))
            .why == "rank 5 of 8, started by torchrun");
}

TEST_CASE("one task on each node: own variables make it an agent, with the launcher's number and place") {
  const Values step = {{"SLURM_STEP_ID", "0"},
                       {"SLURM_JOB_ID", "77"},
                       {"SLURM_NODEID", "1"},
                       {"SLURM_STEP_NUM_NODES", "2"},
                       {"SLURM_PROCID", "1"},
                       {"SLURM_LOCALID", "0"},
                       {"SLURM_NTASKS", "2"},
                       {"SLURM_STEP_TASKS_PER_NODE", "1(x2)"},
                       {"SLURM_STEP_NODELIST", "gpu[01-02]"}};
  CHECK(decide(step).kind == Topology::Kind::worker);
  const auto agent = decide(joined(step, {{"NNODES", "2"}}));
  CHECK(agent.kind == Topology::Kind::agent);
  CHECK(agent.rendezvous.node_rank == 1);
  CHECK(agent.rendezvous.host == "gpu01");
  CHECK(agent.why.starts_with(
      "1 worker on this node (srun started one task on each of 2 nodes, SLURM_PROCID=1); node 1"));
  CHECK(decide(joined(step, {{"NPROC_PER_NODE", "4"}, {"FORCE_TORCHRUN", "1"}})).workers == 4);
  CHECK(refusal(joined(step, {{"NPROC_PER_NODE", "4"}})) ==
        "environment: srun says that this is task 1 of 2 (SLURM_STEP_TASKS_PER_NODE=1(x2)), but NPROC_PER_NODE=4");
  CHECK(refusal(joined(step, {{"NNODES", "3"}})) ==
        "environment: srun says that this is task 1 of 2 (SLURM_STEP_NUM_NODES=2), but NNODES=3");
  CHECK(refusal(joined(step, {{"NNODES", "2"}, {"NODE_RANK", "0"}})) ==
        "environment: srun says that this is task 1 of 2 (SLURM_NODEID=1), but NODE_RANK=0");
  const auto elastic =
      decide(joined(step, {{"RDZV_ID", "j"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}, {"NNODES", "3"}}));
  CHECK(elastic.why ==
        "1 worker on this node (RDZV_ID=j); 3 nodes meet at a:1; srun started this as task 1 of 2, SLURM_PROCID=1");
  // Open MPI names no host: where they meet has to be said.
  const Values mpi = {{"OMPI_COMM_WORLD_RANK", "1"},
                      {"OMPI_COMM_WORLD_SIZE", "2"},
                      {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
                      {"OMPI_COMM_WORLD_LOCAL_SIZE", "1"}};
  CHECK(refusal(mpi, 8) ==
        "environment: mpirun (Open MPI) started 2 tasks on several nodes, but does not say where task 0 is");
  CHECK(decide(joined(mpi, {{"MASTER_ADDR", "a"}}), 8).rendezvous.node_rank == 1);
  CHECK(refusal(joined(mpi, {{"NODE_RANK", "0"}, {"MASTER_ADDR", "a"}}), 8) ==
        "environment: mpirun (Open MPI) says that this is task 1 of 2 (OMPI_COMM_WORLD_RANK=1), but NODE_RANK=0");
}

TEST_CASE("SLURM's lists are read natively, and broken ones end early") {
  CHECK(train::slurm_hosts("a[01-03,7],b,c[1]") == std::vector<std::string>{"a01", "a02", "a03", "a7", "b", "c1"});
  CHECK(train::slurm_hosts("one") == std::vector<std::string>{"one"});
  CHECK(train::slurm_hosts("a[1-4294967295]").size() == 0);
  CHECK(train::slurm_hosts("a[0-99999999]").size() == 4096);
  CHECK(train::slurm_hosts("a[1-").empty());
  CHECK(train::slurm_hosts("").empty());
  CHECK(train::slurm_tasks_on("2(x3),1", 2) == 2);
  CHECK(train::slurm_tasks_on("2(x3),1", 3) == 1);
  CHECK(train::slurm_tasks_on("2(x3),1", 4) == 0);
  CHECK(train::slurm_tasks_on("what", 0) == 0);
}

TEST_CASE("OPTIM_TORCH leaves alone what the user has set") {
  CHECK(train::torch_tuning(Environment(Values{})).size() == 2);
  CHECK(train::torch_tuning(Environment(Values{{"OPTIM_TORCH", "0"}})).empty());
  const auto kept = train::torch_tuning(Environment(Values{{"PYTORCH_CUDA_ALLOC_CONF", "x"}}));
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].first == "TORCH_NCCL_AVOID_RECORD_STREAMS");
}
