#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "composer/config/build_chosen.h"
#include "composer/config/plugin_loader.h"
#include "composer/core/plugin_abi.h"
#include "composer/core/registries.h"
#include "composer/trainer/trainer.h"
#include "google/protobuf/text_format.h"
#include "proto/algorithm.pb.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::plain_sgd;
using testing::TinyLoader;
using testing::TinyModel;

constexpr char kPlugin[] = "examples/plugin/gradient_centralization.so";
constexpr char kName[] = "composer.examples.GradientCentralization";

config::Algorithm read(const std::string& text) {
  config::Algorithm algorithm;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &algorithm)) << text;
  return algorithm;
}

// The config of the plugin's algorithm.
config::Algorithm centralization(const char* fields) {
  return read(absl::StrCat("plugin { [type.googleapis.com/", kName, "] { ", fields, " } }"));
}

// How the weights moved in two steps.
at::Tensor train(const char* fields) {
  TrainerOptions options;
  at::manual_seed(1);
  const auto model = std::make_shared<TinyModel>();
  const at::Tensor before = model->weight.detach().clone();
  options.model = model;
  options.train = std::make_shared<TinyLoader>(8, 4);
  options.max_duration = "2ba";
  options.optimizers = {plain_sgd(0.1)};
  auto algorithm = build_chosen<Algorithm>(centralization(fields));
  EXPECT_TRUE(algorithm.ok()) << algorithm.status();
  options.algorithms.push_back(*std::move(algorithm));
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->fit();
  EXPECT_TRUE(status.ok()) << status;
  return model->weight.detach() - before;
}

TEST(Plugin, BringsAnAlgorithmThatAConfigNamesAndTheTrainerRuns) {
  EXPECT_THAT(Registry<Algorithm>::global().names(), ::testing::Not(Contains(kName)));
  ASSERT_EQ(load_plugin(kPlugin), absl::OkStatus());
  EXPECT_THAT(Registry<Algorithm>::global().names(), Contains(kName));

  const at::Tensor moved = train("strength: 0"), centred = train("strength: 1");
  EXPECT_GT(moved.mean(1).abs().max().item<double>(), 1e-3);
  EXPECT_LT(centred.mean(1).abs().max().item<double>(), 1e-6);
  EXPECT_GT(centred.abs().max().item<double>(), 1e-3);
}

TEST(Plugin, RefusesItsSettingsByTheirField) {
  ASSERT_EQ(load_plugin(kPlugin), absl::OkStatus());
  const absl::Status status = build_chosen<Algorithm>(centralization("strength: -1")).status();
  EXPECT_EQ(field_of(status), "plugin.strength");
  EXPECT_EQ(status.message(), "must be from 0 to 1");
}

TEST(Plugin, IsLoadedOnce) {
  EXPECT_EQ(load_plugin(kPlugin), absl::OkStatus());
  EXPECT_EQ(load_plugin(kPlugin), absl::OkStatus());
}

TEST(LoadPlugin, RefusesOtherVersionsBeforeTheirCodeRuns) {
  const absl::Status status = load_plugin("tests/examples/other_versions.so");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("composer-0 gcc9 c++201703 torch-1.13.0\n"));
  EXPECT_THAT(status.message(), HasSubstr(kPluginAbi.text()));
}

TEST(LoadPlugin, RefusesALibraryThatIsNoPluginBeforeItsCodeRuns) {
  const absl::Status status = load_plugin("tests/examples/no_plugin.so");
  EXPECT_THAT(status.message(), HasSubstr("is not a plugin: it lacks COMPOSER_PLUGIN();"));
}

TEST(LoadPlugin, NamesASymbolThatTheProgramLacks) {
  const absl::Status status = load_plugin("tests/examples/missing_symbol.so");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("undefined symbol"), HasSubstr("function_of_another_program")));
}

TEST(LoadPlugin, RefusesAFileThatIsNotThere) {
  const absl::Status status = load_plugin("tests/examples/absent.so");
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("No such file or directory"));
}

std::string contents(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

absl::Status load_bytes(const std::string& bytes) {
  const std::string path = ::testing::TempDir() + "/plugin.so";
  std::ofstream(path, std::ios::binary) << bytes;
  return load_plugin(path);
}

TEST(LoadPlugin, RefusesWhatIsNoSharedLibrary) {
  EXPECT_THAT(load_bytes("").message(), HasSubstr("it is no ELF file"));
  EXPECT_THAT(load_bytes(std::string(5000, 'x')).message(), HasSubstr("it is no ELF file"));
  EXPECT_FALSE(load_plugin(::testing::TempDir()).ok());
  std::string bytes = contents(kPlugin);
  bytes[4] = 1;  // 32 bits
  EXPECT_THAT(load_bytes(bytes).message(), HasSubstr("another kind of processor"));
  bytes = contents(kPlugin);
  bytes[16] = 2;  // a program
  EXPECT_THAT(load_bytes(bytes).message(), HasSubstr("it is a program or an object file"));
}

TEST(LoadPlugin, RefusesALibraryThatIsCutShortAnywhere) {
  const std::string bytes = contents(kPlugin);
  ASSERT_GT(bytes.size(), 10000u);
  for (size_t size = 0; size < bytes.size(); size += bytes.size() / 97) {
    EXPECT_EQ(load_bytes(bytes.substr(0, size)).code(), absl::StatusCode::kInvalidArgument) << size;
  }
}

}  // namespace
}  // namespace composer
