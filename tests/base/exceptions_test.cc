#include "composer/base/exceptions.h"

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "composer/base/status.h"

namespace composer {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(CatchExceptions, PassesOnWhatIsReturned) {
  EXPECT_TRUE(catch_exceptions([] {}).ok());
  EXPECT_EQ(catch_exceptions([] { return absl::NotFoundError("x"); }), absl::NotFoundError("x"));
}

TEST(CatchExceptions, MapsTheClassesOfExceptionsToCodes) {
  const auto code = [](auto&& function) { return catch_exceptions(function).code(); };
  using absl::StatusCode;
  EXPECT_EQ(code([] { TORCH_CHECK_VALUE(false, "x"); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([] { TORCH_CHECK_INDEX(false, "x"); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([] { TORCH_CHECK_TYPE(false, "x"); }), StatusCode::kInvalidArgument);
  EXPECT_EQ(code([] { TORCH_CHECK_NOT_IMPLEMENTED(false, "x"); }), StatusCode::kUnimplemented);
  EXPECT_EQ(code([] { C10_THROW_ERROR(OutOfMemoryError, "x"); }), StatusCode::kResourceExhausted);
  EXPECT_EQ(code([] { C10_THROW_ERROR(DistBackendError, "x"); }), StatusCode::kUnavailable);
  EXPECT_EQ(code([] { TORCH_CHECK(false, "x"); }), StatusCode::kInternal);
  EXPECT_EQ(code([] { throw std::bad_alloc(); }), StatusCode::kResourceExhausted);
  EXPECT_EQ(code([] { throw std::runtime_error("x"); }), StatusCode::kInternal);
  EXPECT_EQ(code([] { throw 7; }), StatusCode::kInternal);
}

TEST(CatchExceptions, TellsWhenTheHostHasNoMemoryForATensor) {
  const absl::Status status = catch_exceptions([] { at::empty({int64_t{1} << 60}); });
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

TEST(CatchExceptions, GivesLibTorchsMessageWithoutItsBacktrace) {
  const absl::Status status = catch_exceptions([] { at::add(at::zeros({2}), at::zeros({3})); });
  EXPECT_THAT(status.message(), HasSubstr("The size of tensor a (2) must match"));
  EXPECT_THAT(status.message(), Not(HasSubstr("frame #")));
}

TEST(CatchExceptions, SaysHowAnOperationThatIsNotDeterministicIsAllowed) {
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  const absl::Status status =
      catch_exceptions([] { at::zeros({2}).put_(at::zeros({1}, at::kLong), at::zeros({1})); });
  at::globalContext().setDeterministicAlgorithms(false, /*warn_only=*/false);
  EXPECT_EQ(status, absl::UnimplementedError(
                        "put_ has no deterministic implementation, and the run is to be "
                        "deterministic; `deterministic: false` allows it"));
}

TEST(CatchExceptions, GivesBackAStatusThatWasThrown) {
  const absl::Status status = field_error("dir", "no such folder");
  const absl::Status caught = catch_exceptions([&] { throw_if_error(status); });
  EXPECT_EQ(caught, status);
  EXPECT_EQ(field_of(caught), "dir");
  EXPECT_TRUE(catch_exceptions([] { throw_if_error(absl::OkStatus()); }).ok());
}

struct Positive {
  explicit Positive(int value) : value(value) {
    if (value <= 0) throw_if_error(field_error("value", "must be above zero"));
  }
  int value;
};

TEST(TryMake, GivesTheObjectOrWhyItsConstructorFailed) {
  EXPECT_EQ((*try_make<Positive>(3))->value, 3);
  EXPECT_EQ(field_of(try_make<Positive>(0).status()), "value");
}

}  // namespace
}  // namespace composer
