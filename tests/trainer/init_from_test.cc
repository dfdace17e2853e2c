#include "composer/trainer/init_from.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/checkpoint/checkpoint_writer.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/checkpoint/weights.h"
#include "composer/core/model.h"
#include "composer/trainer/from_config.h"
#include "google/protobuf/text_format.h"

namespace composer {
namespace {

// What Python saved of the model below.
constexpr char kCnn[] = "tests/golden/checkpoint/cnn.safetensors";

std::string fresh_folder() {
  const std::string folder =
      absl::StrCat(::testing::TempDir(), "init_from_",
                   ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

using ByName = std::map<std::string, at::Tensor>;

ByName python_weights() {
  const auto file = read_safetensors(kCnn);
  EXPECT_TRUE(file.ok()) << file.status();
  return ByName(file->tensors.begin(), file->tensors.end());
}

class LogLines : public google::LogSink {
 public:
  LogLines() { google::AddLogSink(this); }
  ~LogLines() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity severity, const char*, const char*, int,
            const google::LogMessageTime&, const char* message, size_t size) override {
    lines[severity].emplace_back(message, size);
  }
  using google::LogSink::send;

  std::map<google::LogSeverity, std::vector<std::string>> lines;
};

absl::StatusOr<TrainerOptions> options_of(const std::string& text) {
  config::Run run;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "model { cnn { in_channels: 1 channels: 2 num_classes: 3 } } device: 'cpu' " + text, &run))
      << text;
  return build_trainer_options(run, {});
}

// The model's values, once `text` is its init_from.
ByName initialized(const std::string& text) {
  const auto options = options_of("init_from { " + text + " }");
  EXPECT_TRUE(options.ok()) << options.status();
  if (!options.ok()) return {};
  const NamedTensors weights = weights_of(*options->model);
  return ByName(weights.begin(), weights.end());
}

absl::Status error_of(const std::string& text) {
  return options_of("init_from { " + text + " }").status();
}

// The names of which two hold the same values.
std::set<std::string> equal_names(const ByName& a, const ByName& b) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : a) {
    if (b.count(name) > 0 && tensor.equal(b.at(name))) names.insert(name);
  }
  return names;
}

std::set<std::string> names_of(const ByName& tensors) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : tensors) names.insert(name);
  return names;
}

class InitFromTest : public ::testing::Test {
 protected:
  // Python's weights under other names.
  std::string write_with_prefix(const std::string& prefix) {
    NamedTensors tensors;
    for (const auto& [name, tensor] : python_weights()) tensors.emplace_back(prefix + name, tensor);
    const std::string path = folder_ + "/prefixed.safetensors";
    EXPECT_TRUE(write_safetensors(path, tensors).ok());
    return path;
  }

  const std::string folder_ = fresh_folder();
};

TEST_F(InitFromTest, TakesAFileAFolderAnIndexAndACheckpoint) {
  const ByName python = python_weights();
  const auto equals_python = [&](const std::string& path) {
    return equal_names(initialized("path: '" + path + "'"), python) == names_of(python);
  };
  EXPECT_TRUE(equals_python(kCnn));

  std::filesystem::copy(kCnn, folder_ + "/model.safetensors");
  EXPECT_TRUE(equals_python(folder_));

  NamedTensors head, body;
  std::string index = "{\"weight_map\":{";
  for (const auto& [name, tensor] : python) {
    const bool in_head = absl::StartsWith(name, "head");
    (in_head ? head : body).emplace_back(name, tensor);
    absl::StrAppend(&index, index.back() == '{' ? "" : ",", "\"", name, "\":\"",
                    in_head ? "2.safetensors" : "1.safetensors", "\"");
  }
  ASSERT_TRUE(write_safetensors(folder_ + "/1.safetensors", body).ok());
  ASSERT_TRUE(write_safetensors(folder_ + "/2.safetensors", head).ok());
  write_file(folder_ + "/model.safetensors.index.json", index + "}}");
  EXPECT_TRUE(equals_python(folder_ + "/model.safetensors.index.json"));

  const std::string bytes = read_file(kCnn);
  auto writer = CheckpointWriter::create({.parent = folder_ + "/checkpoints", .name = "ep1"});
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->begin("model.safetensors").ok());
  ASSERT_TRUE((*writer)->append(bytes.data(), bytes.size()).ok());
  ASSERT_TRUE((*writer)->commit().ok());
  EXPECT_TRUE(equals_python(folder_ + "/checkpoints/latest"));

  std::string damaged = bytes;
  damaged.back() ^= 1;
  write_file(folder_ + "/checkpoints/ep1/model.safetensors", damaged);
  const absl::Status status = error_of("path: '" + folder_ + "/checkpoints/latest'");
  EXPECT_EQ(field_of(status), "init_from.path");
  EXPECT_TRUE(absl::StrContains(status.message(), "model.safetensors is damaged")) << status;
}

TEST_F(InitFromTest, NamesAreChanged) {
  const ByName python = python_weights();
  const std::string path = write_with_prefix("module.net.");
  EXPECT_EQ(equal_names(initialized("path: '" + path +
                                    "' rename { pattern: '^module\\\\.' } rename { pattern: "
                                    "'^(net)\\\\.(.*)' replacement: '$2' }"),
                        python),
            names_of(python));
}

TEST_F(InitFromTest, APartIsTakenAndTheRestIsAsTheSeedMadeIt) {
  const LogLines log;
  const ByName loaded =
      initialized(absl::StrCat("path: '", kCnn, "' only: '^blocks' skip: 'conv'"));
  const std::set<std::string> left = {"blocks.0.conv.weight", "head.bias", "head.weight"};
  std::set<std::string> expected = names_of(python_weights());
  for (const std::string& name : left) expected.erase(name);
  EXPECT_EQ(equal_names(loaded, python_weights()), expected);

  const auto fresh = options_of("");
  ASSERT_TRUE(fresh.ok());
  for (const auto& [name, tensor] : weights_of(*fresh->model)) {
    if (left.count(name) > 0) {
      EXPECT_TRUE(tensor.equal(loaded.at(name))) << name;
    }
  }
  EXPECT_EQ(log.lines.count(google::GLOG_WARNING), 0u);
  ASSERT_EQ(log.lines.at(google::GLOG_INFO).size(), 1u);
  EXPECT_EQ(log.lines.at(google::GLOG_INFO)[0],
            absl::StrCat("init_from: 5 of 8 tensors of ", kCnn,
                         " are loaded; left out 3: blocks.0.conv.weight, head.bias, "
                         "head.weight; 3 of the model keep their initial values: "
                         "blocks.0.conv.weight, head.bias, head.weight"));
}

TEST_F(InitFromTest, OtherNamesAreAnErrorOrAWarning) {
  const std::string given =
      absl::StrCat("path: '", kCnn, "' rename { pattern: '^head' replacement: 'heads' }");
  const absl::Status status = error_of(given);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(field_of(status), "init_from.path");
  EXPECT_EQ(status.message(),
            absl::StrCat(kCnn,
                         ": the weights do not fit the model\n"
                         "  missing (2):\n"
                         "    head.bias  (nearest: heads.bias)\n"
                         "    head.weight  (nearest: heads.weight)\n"
                         "  unexpected (2):\n"
                         "    heads.bias  (nearest: head.bias)\n"
                         "    heads.weight  (nearest: head.weight)\n"
                         "`rename` changes names, `skip` leaves some out; with strict: false "
                         "names that are missing or unexpected are no error"));

  const LogLines log;
  const ByName loaded = initialized(given + " strict: false");
  EXPECT_EQ(equal_names(loaded, python_weights()).size(), 6u);
  ASSERT_EQ(log.lines.at(google::GLOG_WARNING).size(), 1u);
  const std::string& warning = log.lines.at(google::GLOG_WARNING)[0];
  EXPECT_TRUE(absl::StartsWith(warning, absl::StrCat("init_from: ", kCnn, " does not quite fit")));
  EXPECT_TRUE(absl::StrContains(warning, "heads.bias  (nearest: head.bias)")) << warning;
  EXPECT_EQ(log.lines.at(google::GLOG_INFO)[0],
            absl::StrCat("init_from: 6 of 8 tensors of ", kCnn,
                         " are loaded; left out 2: heads.bias, heads.weight; 2 of the model keep "
                         "their initial values: head.bias, head.weight"));
}

TEST_F(InitFromTest, OtherShapesAreAnErrorInEveryCase) {
  for (const char* const strict : {"", " strict: false"}) {
    config::Run run;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat("model { cnn { in_channels: 1 channels: 2 num_classes: 4 } } device: 'cpu' "
                     "init_from { path: '",
                     kCnn, "'", strict, " }"),
        &run));
    const absl::Status status = build_trainer_options(run, {}).status();
    EXPECT_EQ(field_of(status), "init_from.path");
    EXPECT_TRUE(
        absl::StrContains(status.message(), "head.bias is Float [3], the model has Float [4]"))
        << status;
    run.mutable_init_from()->add_skip("^head");
    EXPECT_TRUE(build_trainer_options(run, {}).ok());
  }
}

TEST_F(InitFromTest, WeightsOfAnotherModelAreAnErrorInEveryCase) {
  const absl::Status status =
      error_of("path: '" + write_with_prefix("module.") + "' strict: false");
  EXPECT_EQ(field_of(status), "init_from.path");
  EXPECT_TRUE(absl::StrContains(status.message(), "of its 8 tensors none is the model's\n"))
      << status;
}

TEST_F(InitFromTest, MistakesAreSaidAtTheirFields) {
  const auto expect_error = [](const std::string& text, absl::string_view field,
                               absl::string_view part) {
    const absl::Status status = error_of(text);
    EXPECT_EQ(field_of(status), absl::StrCat("init_from.", field));
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status;
  };
  const std::string path = absl::StrCat("path: '", kCnn, "' ");
  expect_error("path: 'tests/golden/checkpoint/cn.safetensors'", "path",
               "did you mean \"tests/golden/checkpoint/cnn.safetensors\"?");
  expect_error("path: 'tests/golden/checkpoint/tied.pt'", "path",
               "`composer import tests/golden/checkpoint/tied.pt OUT.safetensors` makes one");
  expect_error("path: ''", "path", "expected a .safetensors file");
  expect_error("path: '" + folder_ + "'", "path", "is a folder without model.safetensors");
  expect_error(path + "rename { pattern: '^head' replacement: 'x' } rename { pattern: '^headd' }",
               "rename[1].pattern",
               "cnn.safetensors: \"^headd\" matches none of the 8 names, such as ");
  expect_error(path + "rename { pattern: '(' }", "rename[0].pattern", "is no regular expression");
  expect_error(path + "rename { pattern: '' replacement: 'x.' }", "rename[0].pattern",
               "\"^\" matches once");
  expect_error(path + "rename { pattern: '^.*$' replacement: 'x' }", "rename",
               "are both called \"x\"");
  expect_error(path + "only: '^blocks' only: '^body'", "only[1]", "matches none");
  expect_error(path + "skip: '^body'", "skip[0]", "matches none");

  const absl::Status both =
      options_of(absl::StrCat("weights: '", kCnn, "' init_from { path: '", kCnn, "' }")).status();
  EXPECT_EQ(field_of(both), "init_from");
  EXPECT_TRUE(absl::StrContains(both.message(), "`weights`")) << both;
}

}  // namespace
}  // namespace composer
