// The libraries of the build, linked into one program and called: what may clash is symbols, macros
// and headers that shadow one another.
// clang-format off
#include <glog/logging.h>
#include <c10/util/Logging.h>
// clang-format on
#include <ATen/ATen.h>
#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <absl/strings/str_format.h>
#include <absl/time/time.h>
#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>
#include <zlib.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

void log_with_torch_included_first(const char* message);

namespace {

class Messages : public google::LogSink {
 public:
  Messages() { google::AddLogSink(this); }
  ~Messages() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity, const char*, const char*, int, const google::LogMessageTime&,
            const char* message, size_t length) override {
    seen.emplace_back(message, length);
  }

  std::vector<std::string> seen;
};

TEST(LibrariesTest, LogReachesGlogWithGlogIncludedFirst) {
  Messages messages;
  LOG(INFO) << "glog first";
  EXPECT_THAT(messages.seen, testing::ElementsAre("glog first"));
}

TEST(LibrariesTest, LogReachesGlogWithTorchIncludedFirst) {
  Messages messages;
  log_with_torch_included_first("torch first");
  EXPECT_THAT(messages.seen, testing::ElementsAre("torch first"));
}

TEST(LibrariesTest, TorchDifferentiates) {
  at::Tensor x = at::full({3}, 2.0).requires_grad_();
  (x * x).sum().backward();
  EXPECT_EQ(x.grad().sum().item<double>(), 12.0);
}

TEST(LibrariesTest, TorchThrowsWhatIsCaughtHere) {
  EXPECT_THROW(at::ones({2}).matmul(at::ones({3})), c10::Error);
}

TEST(LibrariesTest, ProtobufIsDebiansAndNotTheOneInTorch) {
  EXPECT_EQ(google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION), "3.21.12");
  google::protobuf::Any any;
  any.PackFrom(google::protobuf::FileDescriptorProto::default_instance());
  EXPECT_EQ(any.type_url(), "type.googleapis.com/google.protobuf.FileDescriptorProto");
  google::protobuf::Any copy;
  ASSERT_TRUE(copy.ParseFromString(any.SerializeAsString()));
  EXPECT_TRUE(copy.Is<google::protobuf::FileDescriptorProto>());
}

TEST(LibrariesTest, AbslHoldsAndFormats) {
  const absl::flat_hash_map<std::string, int> map = {{"a", 1}, {"b", 2}};
  const absl::StatusOr<int> none = absl::NotFoundError(absl::StrFormat("%d of %s", 3, "c"));
  EXPECT_EQ(map.at("b"), 2);
  EXPECT_EQ(none.status().message(), "3 of c");
  EXPECT_EQ(absl::FormatDuration(absl::Seconds(90)), "1m30s");
}

TEST(LibrariesTest, YamlGivesPositions) {
  const YAML::Node node = YAML::Load("a: 1\nb: [2, 3]\n");
  EXPECT_EQ(node["b"][1].as<int>(), 3);
  EXPECT_EQ(node["b"].Mark().line, 1);
}

TEST(LibrariesTest, ZlibUnpacksWhatItPacked) {
  const std::string text(1000, 'x');
  std::string packed(compressBound(text.size()), '\0');
  uLongf packed_size = packed.size();
  ASSERT_EQ(compress(reinterpret_cast<Bytef*>(packed.data()), &packed_size,
                     reinterpret_cast<const Bytef*>(text.data()), text.size()),
            Z_OK);
  std::string unpacked(text.size(), '\0');
  uLongf unpacked_size = unpacked.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(unpacked.data()), &unpacked_size,
                       reinterpret_cast<const Bytef*>(packed.data()), packed_size),
            Z_OK);
  EXPECT_EQ(unpacked, text);
}

TEST(LibrariesTest, Cli11Parses) {
  CLI::App app;
  int threads = 0;
  app.add_option("--threads", threads);
  app.parse("--threads 3");
  EXPECT_EQ(threads, 3);
}

}  // namespace
