#include "composer/base/status.h"

#include <gtest/gtest.h>

namespace composer {
namespace {

TEST(FieldError, CarriesThePathThatCallersPutTogether) {
  absl::Status status = field_error("dir", "no such folder");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "no such folder");
  EXPECT_EQ(field_of(status), "dir");
  status = in_field("train", in_field("dataset", std::move(status)));
  EXPECT_EQ(field_of(status), "train.dataset.dir");
  EXPECT_EQ(status.message(), "no such folder");
}

TEST(FieldError, AnIndexFollowsWithoutADot) {
  EXPECT_EQ(field_of(in_field("groups", in_field("[1]", field_error("pattern", "bad")))),
            "groups[1].pattern");
}

TEST(InField, GivesAPathToAStatusWithoutOneAndLeavesOkAlone) {
  EXPECT_EQ(field_of(in_field("model", absl::NotFoundError("x"))), "model");
  EXPECT_EQ(in_field("model", absl::NotFoundError("x")).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(in_field("model", absl::OkStatus()), absl::OkStatus());
  EXPECT_EQ(field_of(absl::NotFoundError("x")), "");
}

TEST(Annotate, PutsTheContextInFrontAndKeepsCodeAndPath) {
  const absl::Status status = annotate("while reading", field_error("dir", "no such folder"));
  EXPECT_EQ(status.message(), "while reading: no such folder");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(field_of(status), "dir");
  EXPECT_TRUE(annotate("while reading", absl::OkStatus()).ok());
}

absl::StatusOr<std::unique_ptr<int>> half(int number) {
  if (number % 2 != 0) return absl::InvalidArgumentError("odd");
  return std::make_unique<int>(number / 2);
}

absl::StatusOr<int> quarter(int number) {
  COMPOSER_ASSIGN_OR_RETURN(const std::unique_ptr<int> once, half(number));
  COMPOSER_ASSIGN_OR_RETURN(const std::unique_ptr<int> twice, half(*once));
  return *twice;
}

absl::Status check_both(const absl::Status& first, const absl::Status& second) {
  COMPOSER_RETURN_IF_ERROR(first);
  COMPOSER_RETURN_IF_ERROR(second);
  return absl::OkStatus();
}

TEST(StatusMacros, MoveValuesOutAndReturnTheFirstError) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).status(), absl::InvalidArgumentError("odd"));
  const absl::Status one = absl::InternalError("one"), other = absl::InternalError("other");
  EXPECT_EQ(check_both(one, other), one);
  EXPECT_EQ(check_both(absl::OkStatus(), other), other);
  EXPECT_TRUE(check_both(absl::OkStatus(), absl::OkStatus()).ok());
}

}  // namespace
}  // namespace composer
