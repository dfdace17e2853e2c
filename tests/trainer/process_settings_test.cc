#include "composer/trainer/process_settings.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace composer {
namespace {

class ProcessSettingsTest : public ::testing::Test {
 protected:
  void TearDown() override { apply_process_settings({}); }

  const at::Context& context_ = at::globalContext();
};

TEST_F(ProcessSettingsTest, DeterministicHoldsForEveryLibraryAndEndsAgain) {
  ::unsetenv("CUBLAS_WORKSPACE_CONFIG");
  apply_process_settings({.deterministic = true});
  EXPECT_TRUE(context_.deterministicAlgorithms());
  EXPECT_FALSE(context_.deterministicAlgorithmsWarnOnly());
  EXPECT_TRUE(context_.deterministicCuDNN());
  EXPECT_TRUE(context_.deterministicMkldnn());
  EXPECT_FALSE(context_.benchmarkCuDNN());
  EXPECT_STREQ(::getenv("CUBLAS_WORKSPACE_CONFIG"), ":4096:8");
  apply_process_settings({});
  EXPECT_FALSE(context_.deterministicAlgorithms());
  EXPECT_FALSE(context_.deterministicCuDNN());
  EXPECT_FALSE(context_.deterministicMkldnn());
}

TEST_F(ProcessSettingsTest, AWorkspaceThatTheUserChoseStays) {
  ::setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8", /*overwrite=*/1);
  apply_process_settings({.deterministic = true});
  EXPECT_STREQ(::getenv("CUBLAS_WORKSPACE_CONFIG"), ":16:8");
}

TEST_F(ProcessSettingsTest, TensorFloat32IsOnUnlessItIsTurnedOff) {
  apply_process_settings({});
  EXPECT_TRUE(context_.allowTF32CuBLAS());
  EXPECT_TRUE(context_.allowTF32CuDNN());
  apply_process_settings({.deterministic = true, .allow_tf32 = false});
  EXPECT_FALSE(context_.allowTF32CuBLAS());
  EXPECT_FALSE(context_.allowTF32CuDNN());
  apply_process_settings({.deterministic = true});
  EXPECT_TRUE(context_.allowTF32CuBLAS());
}

TEST_F(ProcessSettingsTest, TensorFloat32LeavesTheCpuAlone) {
  const at::Tensor a = at::randn({64, 64}), b = at::randn({64, 64});
  apply_process_settings({.allow_tf32 = false});
  const at::Tensor exact = at::matmul(a, b);
  apply_process_settings({.allow_tf32 = true});
  EXPECT_TRUE(at::matmul(a, b).equal(exact));
}

TEST_F(ProcessSettingsTest, CudnnTimesItsKernelsWhereAskedTo) {
  apply_process_settings({.cudnn_benchmark = true});
  EXPECT_TRUE(context_.benchmarkCuDNN());
  apply_process_settings({});
  EXPECT_FALSE(context_.benchmarkCuDNN());
}

}  // namespace
}  // namespace composer
