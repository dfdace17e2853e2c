#include "composer/data/formats/cifar_binary.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

constexpr CifarLabel kOne[] = {{"label", 10}};
constexpr CifarLabel kTwo[] = {{"coarse label", 20}, {"fine label", 100}};

std::string pixels(char value) { return std::string(3072, value); }

class CifarBinaryTest : public testing::Test {
 protected:
  void expect_damaged(const std::string& bytes, absl::Span<const CifarLabel> labels,
                      const std::string& message) {
    write_file(path_, bytes);
    CifarImages images;
    const absl::Status status = read_cifar(path_, labels, 0, images);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(status.message(), absl::StrCat(path_, ": ", message));
  }

  const std::string path_ = make_folder() + "/batch.bin";
};

TEST_F(CifarBinaryTest, AppendsTheRecordsOfAFile) {
  write_file(path_, "\x07" + pixels('a') + "\x09" + pixels('b'));
  CifarImages images;
  ASSERT_TRUE(read_cifar(path_, kOne, 0, images).ok());
  ASSERT_TRUE(read_cifar(path_, kOne, 0, images).ok());
  EXPECT_EQ(images.labels, (std::vector<uint8_t>{7, 9, 7, 9}));
  ASSERT_EQ(images.images.size(), 4 * 3072u);
  EXPECT_EQ(images.images[3071], 'a');
  EXPECT_EQ(images.images[3072], 'b');
  EXPECT_EQ(images.images[4 * 3072 - 1], 'b');
}

TEST_F(CifarBinaryTest, KeepsTheLabelThatIsAskedFor) {
  write_file(path_, "\x13\x63" + pixels('a'));
  CifarImages coarse, fine;
  ASSERT_TRUE(read_cifar(path_, kTwo, 0, coarse).ok());
  ASSERT_TRUE(read_cifar(path_, kTwo, 1, fine).ok());
  EXPECT_EQ(coarse.labels, std::vector<uint8_t>{19});
  EXPECT_EQ(fine.labels, std::vector<uint8_t>{99});
}

TEST_F(CifarBinaryTest, RefusesWhatIsNotAWholeNumberOfRecords) {
  const std::string record = "\x07" + pixels('a');
  expect_damaged("", kOne, "byte 0: expected records of 3073 bytes each, the file is empty");
  expect_damaged(record + record.substr(0, 3000), kOne,
                 "byte 6073: expected records of 3073 bytes each, the file ends 3000 bytes after "
                 "record 1");
  expect_damaged(record + "x", kOne,
                 "byte 3074: expected records of 3073 bytes each, the file ends 1 bytes after "
                 "record 1");
  expect_damaged(record, kTwo,
                 "byte 3073: expected records of 3074 bytes each, the file ends 3073 bytes after "
                 "record 0");
}

TEST_F(CifarBinaryTest, NamesTheRecordAndByteOfALabelOutOfRange) {
  expect_damaged("\x07" + pixels('a') + "\x0a" + pixels('a'), kOne,
                 "record 1, byte 3073: expected a label of 0 to 9, found 10");
  expect_damaged("\x01\x64" + pixels('a'), kTwo,
                 "record 0, byte 1: expected a fine label of 0 to 99, found 100");
}

}  // namespace
}  // namespace composer
