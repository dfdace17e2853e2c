#include "composer/checkpoint/checkpoint.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/checkpoint_writer.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/checkpoint/state_file.h"
#include "composer/core/snapshot.h"
#include "composer/optim/adamw.h"
#include "composer/trainer/trainer.h"
#include "tests/checkpoint/faults/sample_checkpoint.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

Checkpoint read_back(const std::string& folder) {
  const absl::StatusOr<Checkpoint> read = read_checkpoint(folder);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *read : Checkpoint();
}

Checkpoint round_trip(const Checkpoint& checkpoint) {
  const std::string parent = fresh_folder();
  const absl::Status written = write_checkpoint(parent, "ba1", checkpoint);
  EXPECT_TRUE(written.ok()) << written;
  return read_back(parent + "/ba1");
}

std::unique_ptr<Trainer> tiny_trainer(uint64_t seed) {
  at::set_num_threads(1);
  at::manual_seed(seed);
  TrainerOptions options;
  options.model = std::make_shared<testing::TinyModel>();
  options.train = std::make_shared<testing::TinyLoader>(10, 4);
  options.optimizers = {adamw({.lr = 0.1})};
  options.max_duration = "4ep";
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return *std::move(trainer);
}

// With something in every file.
Checkpoint sample() {
  StateDict model, optimizer, optimizers, generators;
  model.set("fc.weight", at::arange(6, at::kFloat).reshape({2, 3}));
  model.set("fc.bias", at::full({2}, 0.5));
  optimizer.set("step", int64_t{7});
  optimizer.set("exp_avg", at::rand({2, 3}));
  optimizers.set("0", optimizer);
  generators.set("cpu", at::arange(100).to(at::kByte));
  Checkpoint checkpoint;
  checkpoint.state.set("model", model);
  checkpoint.state.set("optimizers", optimizers);
  checkpoint.state.set("generators", generators);
  checkpoint.config_text = "max_duration: \"10ep\"\n";
  checkpoint.huggingface_config = "{\"model_type\": \"gpt2\"}";
  checkpoint.conditions = RunConditions::present("cpu", 1);
  checkpoint.time = {.epoch = 1, .batch = 7, .batch_in_epoch = 3, .epoch_wct = absl::Seconds(2)};
  checkpoint.metrics = {{"accuracy", 0.75}, {"loss", std::nan("")}};
  return checkpoint;
}

TEST(CheckpointTest, ARunGoesOnFromItWithTheSameBits) {
  const auto trainer = tiny_trainer(1), other = tiny_trainer(2);
  ASSERT_TRUE(trainer->fit({.duration = "4ba"}).ok());
  const Checkpoint read = round_trip({.state = live_snapshot(trainer->state())});
  EXPECT_EQ(read.state.first_difference(snapshot(trainer->state())), "");

  ASSERT_TRUE(trainer->fit({.duration = "3ba"}).ok());
  const StateDict unbroken = snapshot(trainer->state());
  const absl::Status restored = restore(other->state(), read.state);
  ASSERT_TRUE(restored.ok()) << restored;
  EXPECT_EQ(other->state().timestamp.batch, 4);
  ASSERT_TRUE(other->fit({.duration = "3ba"}).ok());
  const StateDict resumed = snapshot(other->state());
  for (const char* const part : {"model", "optimizers", "generators"}) {
    EXPECT_EQ((*resumed.child(part))->first_difference(**unbroken.child(part)), "") << part;
  }
}

TEST(CheckpointTest, EveryKindOfEntryComesBackInEveryPart) {
  StateDict part, inner;
  for (const at::ScalarType type :
       {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16,
        at::kFloat, at::kDouble, at::kComplexFloat, at::kUInt16, at::kUInt32, at::kUInt64,
        at::kFloat8_e5m2, at::kFloat8_e4m3fn}) {
    part.set(c10::toString(type), at::arange(2, at::kFloat).to(type));
  }
  part.set("nan", at::full({}, std::bit_cast<float>(0x7fc01234)));
  part.set("nothing in it", at::empty({0, 3}));
  part.set("undefined", at::Tensor());
  part.set("turned", at::rand({2, 3}).t());
  part.set("channels_last", at::rand({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast));
  part.set("a/b~c", at::rand({3}));
  part.set("count", INT64_MIN);
  part.set("rate", -std::numeric_limits<double>::infinity());
  part.set("text", "\"quoted\"\n");
  inner.set("tensor", at::rand({3}));
  part.set("inner", inner);
  part.set("empty", StateDict());
  Checkpoint checkpoint;
  checkpoint.state = part;
  for (const char* const name : {"model", "optimizers", "state", "conditions", "time"}) {
    checkpoint.state.set(name, part);
  }
  EXPECT_EQ(round_trip(checkpoint).state.first_difference(checkpoint.state), "");
}

TEST(CheckpointTest, AViewThatConjugatesIsStoredAsItsValues) {
  const at::Tensor conjugated = at::view_as_complex(at::rand({3, 2})).conj();
  StateDict model;
  model.set("conjugated", conjugated);
  Checkpoint checkpoint;
  checkpoint.state.set("model", model);
  const Checkpoint read = round_trip(checkpoint);
  EXPECT_TRUE(at::equal(*(*read.state.child("model"))->tensor("conjugated"), conjugated));
}

TEST(CheckpointTest, EmptyAndAbsentPartsAreTold) {
  Checkpoint checkpoint;
  EXPECT_EQ(round_trip(checkpoint).state.first_difference(checkpoint.state), "");
  checkpoint.state.set("model", StateDict());
  EXPECT_EQ(round_trip(checkpoint).state.first_difference(checkpoint.state), "");
  checkpoint.state.set("optimizers", StateDict());
  EXPECT_EQ(round_trip(checkpoint).state.first_difference(checkpoint.state), "");
}

TEST(CheckpointTest, AllElseComesBackToo) {
  const Checkpoint written = sample(), read = round_trip(written);
  EXPECT_TRUE(read.state.identical(written.state));
  EXPECT_EQ(read.config_text, written.config_text);
  EXPECT_EQ(read.huggingface_config, written.huggingface_config);
  EXPECT_EQ(read.conditions.differences(written.conditions), std::vector<std::string>());
  EXPECT_EQ(read.time, written.time);
  ASSERT_EQ(read.metrics.size(), 2u);
  EXPECT_EQ(read.metrics.at("accuracy"), 0.75);
  EXPECT_TRUE(std::isnan(read.metrics.at("loss")));
}

TEST(CheckpointTest, TheFolderHasFilesForOtherPrograms) {
  const std::string parent = fresh_folder();
  const Checkpoint written = sample();
  ASSERT_TRUE(write_checkpoint(parent, "ba7", written).ok());
  const std::string folder = parent + "/latest";
  EXPECT_EQ(names_in(folder),
            Names({"model.safetensors", "optimizer.safetensors", "state.safetensors",
                   "config.textproto", "config.json", "manifest.json"}));
  const auto model = read_safetensors(folder + "/model.safetensors");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->metadata, SafetensorsMetadata({{"format", "pt"}}));
  ASSERT_EQ(model->tensors.size(), 2u);
  EXPECT_EQ(model->tensors[0].first, "fc.bias");
  EXPECT_EQ(model->tensors[1].first, "fc.weight");
  const auto optimizers = read_state_file(folder + "/optimizer.safetensors");
  ASSERT_TRUE(optimizers.ok()) << optimizers.status();
  EXPECT_TRUE(optimizers->identical(**written.state.child("optimizers")));
  EXPECT_EQ(read_whole_file(folder + "/config.json"), written.huggingface_config);
  EXPECT_EQ(read_whole_file(folder + "/config.textproto"), written.config_text);
  const auto manifest = read_manifest(folder);
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->time.batch, 7);
  EXPECT_EQ(manifest->metrics, (std::map<std::string, double>{{"accuracy", 0.75}}));

  const char* const given = std::getenv("COMPOSER_TEST_PYTHON");
  if (given == nullptr) return;
  const std::string command =
      absl::StrCat(given, " -c \"import safetensors.torch as s; w = s.load_file('", folder,
                   "/model.safetensors'); assert w['fc.weight'].tolist() == "
                   "[[0, 1, 2], [3, 4, 5]] and w['fc.bias'].tolist() == [.5, .5]\"");
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

TEST(CheckpointTest, WithoutAConfigThereIsNoFileOfIt) {
  const std::string parent = fresh_folder();
  Checkpoint checkpoint = sample();
  checkpoint.config_text.clear();
  checkpoint.huggingface_config.clear();
  ASSERT_TRUE(write_checkpoint(parent, "ba7", checkpoint).ok());
  EXPECT_FALSE(fs::exists(parent + "/ba7/config.json"));
  EXPECT_FALSE(fs::exists(parent + "/ba7/config.textproto"));
  write_whole_file(parent + "/ba7/config.json", "put there by somebody");
  EXPECT_EQ(read_back(parent + "/ba7").huggingface_config, "");
}

TEST(CheckpointTest, TiedTensorsAreStoredOnceAndComeBackUnderEveryName) {
  const std::string parent = fresh_folder();
  const at::Tensor embedding = at::rand({1000, 10});
  StateDict model;
  model.set("embed.weight", embedding);
  model.set("head.weight", embedding);
  model.set("turned.weight", embedding.t());
  Checkpoint checkpoint;
  checkpoint.state.set("model", model);
  ASSERT_TRUE(write_checkpoint(parent, "ba1", checkpoint).ok());
  const uint64_t size = fs::file_size(parent + "/ba1/model.safetensors");
  EXPECT_LT(size, 2 * embedding.nbytes() + 1000) << "two tensors of three";
  const Checkpoint read = read_back(parent + "/ba1");
  EXPECT_EQ(read.state.first_difference(checkpoint.state), "");
  const StateDict& read_model = **read.state.child("model");
  EXPECT_TRUE(read_model.tensor("head.weight")->is_same(*read_model.tensor("embed.weight")));
}

TEST(CheckpointTest, DamageToAnyFileIsNamed) {
  const std::string parent = fresh_folder();
  for (const char* const name : {"model.safetensors", "optimizer.safetensors", "state.safetensors",
                                 "config.textproto", "config.json", "manifest.json"}) {
    const std::string folder = parent + "/ba7", path = absl::StrCat(folder, "/", name);
    ASSERT_TRUE(write_checkpoint(parent, "ba7", sample()).ok());
    const std::string bytes = read_whole_file(path);
    std::string changed = bytes;
    changed[bytes.size() / 2] ^= 1;
    for (const std::string& damaged : {changed, bytes.substr(1), bytes + "\n", std::string()}) {
      write_whole_file(path, damaged);
      const absl::Status status = read_checkpoint(folder).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
      EXPECT_TRUE(absl::StrContains(status.message(), name)) << status;
    }
    fs::remove(path);
    EXPECT_TRUE(absl::StrContains(read_checkpoint(folder).status().message(), name));
    fs::remove_all(folder);
  }
}

TEST(CheckpointTest, WithoutOneItIsNotFound) {
  const std::string parent = fresh_folder();
  for (const std::string& folder : {parent, parent + "/missing"}) {
    const absl::Status status = read_checkpoint(folder).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), folder)) << status;
  }
}

TEST(CheckpointTest, AFileThatTheStateNeedsMustBeInTheManifest) {
  const std::string parent = fresh_folder();
  ASSERT_TRUE(write_checkpoint(parent, "ba7", sample()).ok());
  const std::string state = read_whole_file(parent + "/ba7/state.safetensors");
  const auto writer = CheckpointWriter::create({.parent = parent, .name = "ba8"});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->begin("state.safetensors").ok());
  ASSERT_TRUE((*writer)->append(state.data(), state.size()).ok());
  ASSERT_TRUE((*writer)->commit().ok());
  fs::copy(parent + "/ba7/model.safetensors", parent + "/ba8/model.safetensors");
  const absl::Status status = read_checkpoint(parent + "/ba8").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(absl::StrContains(status.message(), "no model.safetensors")) << status;
}

TEST(CheckpointTest, WhatCannotBeWrittenIsNamedAndLeavesNothing) {
  const std::string parent = fresh_folder();
  const auto refuses = [&](const char* part, const at::Tensor& tensor, const char* file) {
    Checkpoint checkpoint = sample();
    StateDict bad;
    bad.set("odd one", tensor);
    checkpoint.state.set(part, bad);
    const absl::Status status = write_checkpoint(parent, "ba7", checkpoint);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), file)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "odd one")) << status;
  };
  for (const at::Tensor& tensor :
       {at::ones({2, 2}).to_sparse(), at::ones({2}, at::kComplexDouble)}) {
    refuses("model", tensor, "model.safetensors");
    refuses("optimizers", tensor, "optimizer.safetensors");
    refuses("callbacks", tensor, "state.safetensors");
  }
  EXPECT_EQ(names_in(parent), Names());
}

TEST(RunConditionsTest, DifferencesAreLines) {
  const RunConditions saved = RunConditions::present("cpu", 1);
  EXPECT_EQ(saved.threads, at::get_num_threads());
  EXPECT_TRUE(absl::StartsWith(saved.libtorch_version, "2.")) << saved.libtorch_version;
  EXPECT_FALSE(absl::StartsWith(saved.processor, ",")) << saved.processor;
  RunConditions now = saved;
  EXPECT_EQ(saved.differences(now), std::vector<std::string>());
  now.threads = saved.threads + 1;
  now.device = "cuda";
  EXPECT_EQ(
      saved.differences(now),
      std::vector<std::string>({"device: cpu when it was saved, cuda now",
                                absl::StrCat("threads: ", saved.threads, " when it was saved, ",
                                             saved.threads + 1, " now")}));
}

}  // namespace
}  // namespace composer
