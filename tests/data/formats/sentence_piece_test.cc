#include "composer/data/formats/sentence_piece.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.pb.h"
#include "tests/data/formats/golden_tables.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

using Model = std::shared_ptr<const SentencePieceModel>;

class SentencePieceTest : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    EXPECT_EQ(SentencePieceModel::load(golden_table("tiny.model")).status().code(),
              absl::StatusCode::kUnavailable);
    GTEST_SKIP() << "the library cannot be loaded under this sanitizer";
#endif
  }
};

// See tests/golden/data/tables/make_tables.py.
TEST_F(SentencePieceTest, AgreesWithPythonsPackage) {
  const absl::StatusOr<Model> model = SentencePieceModel::load(golden_table("tiny.model"));
  ASSERT_TRUE(model.ok()) << model.status();
  const nlohmann::json expected = expected_of_tables()["sentencepiece"];
  EXPECT_EQ((*model)->vocabulary_size(), expected["vocabulary_size"].get<int64_t>());
  EXPECT_EQ((*model)->encode("\xe4\xb8\x96 x"), expected["unknown"].get<std::vector<int>>());
  EXPECT_EQ((*model)->encode(read_bytes(golden_table("verses.txt"))),
            expected["file"].get<std::vector<int>>());
  EXPECT_EQ((*model)->encode(""), std::vector<int>());
  EXPECT_EQ((*model)->begin_token(), 1);
  EXPECT_EQ((*model)->end_token(), 2);
}

TEST_F(SentencePieceTest, LeavesThisProgramsProtobufWorking) {
  const absl::StatusOr<Model> model = SentencePieceModel::load(golden_table("tiny.model"));
  ASSERT_TRUE(model.ok()) << model.status();
  google::protobuf::FileDescriptorProto file, again;
  google::protobuf::Any::descriptor()->file()->CopyTo(&file);
  ASSERT_TRUE(again.ParseFromString(file.SerializeAsString()));
  EXPECT_EQ(again.DebugString(), file.DebugString());
}

TEST_F(SentencePieceTest, RefusesWhatIsNoModel) {
  const std::string path = make_folder() + "/a.model";
  for (const std::string& bytes : {std::string(), std::string("hello, this is text")}) {
    write_file(path, bytes);
    const absl::Status status = SentencePieceModel::load(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), path +
                                                        ": expected a SentencePiece model, found " +
                                                        std::to_string(bytes.size()) + " bytes"))
        << status;
  }
}

// Many of them are complete messages of protobuf.
TEST_F(SentencePieceTest, RefusesTruncations) {
  const std::string path = make_folder() + "/a.model";
  const std::string sound = read_bytes(golden_table("tiny.model"));
  for (size_t length = 1; length < sound.size(); length += 3) {
    write_file(path, sound.substr(0, length));
    EXPECT_EQ(SentencePieceModel::load(path).status().code(), absl::StatusCode::kDataLoss)
        << length << " of " << sound.size();
  }
}

TEST_F(SentencePieceTest, NamesAMissingFileAndAFolder) {
  EXPECT_EQ(SentencePieceModel::load("/none.model").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(SentencePieceModel::load("/").status().message(), "/: "));
}

}  // namespace
}  // namespace composer
