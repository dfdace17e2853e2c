#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

std::string golden(absl::string_view name) {
  return data_file(absl::StrCat("tests/golden/checkpoint/", name));
}

TEST(ImportTest, WritesTheTensorsOfAStateDictThatPythonSaved) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"import", golden("state_dict.pt"), "out.safetensors"}, folder);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out,
            "{\"output\":\"out.safetensors\",\"key\":\"\",\"not_tensors\":0,\"tensors\":9,"
            "\"tied\":0,\"elements\":43,\"bytes\":176,\"renamed\":0,\"left_out\":0}\n");
  EXPECT_TRUE(absl::StrContains(read_text(folder + "/out.safetensors"), "\"0.weight\""));
}

TEST(ImportTest, FindsRenamesAndChooses) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"import", "--rename", "^module\\.=>net.", golden("composer.pt"), "--only",
                   "weight$|bias$", "--skip", "^net\\.1\\.", "out.safetensors"},
                  folder);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out,
            "{\"output\":\"out.safetensors\",\"key\":\"state.model\",\"not_tensors\":0,"
            "\"tensors\":4,\"tied\":0,\"elements\":26,\"bytes\":104,\"renamed\":4,"
            "\"left_out\":5}\n");
  const std::string bytes = read_text(folder + "/out.safetensors");
  EXPECT_TRUE(absl::StrContains(bytes, "\"net.0.weight\""));
  EXPECT_FALSE(absl::StrContains(bytes, "\"net.1.weight\""));
}

TEST(ImportTest, TiedTensorsAreWrittenAsPythonDoes) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"import", golden("tied.pt"), "out.safetensors"}, folder);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(absl::StrContains(result.out, "\"tensors\":2,\"tied\":1,"));
  // The order of the metadata is another in each run of Python's.
  const std::string ours = read_text(folder + "/out.safetensors");
  const std::string python = read_text(golden("tied.safetensors"));
  EXPECT_EQ(ours.size(), python.size());
  EXPECT_EQ(ours.substr(ours.size() - 60), python.substr(python.size() - 60));
  EXPECT_TRUE(absl::StrContains(ours, "\"head.weight\":\"embedding.weight\""));
}

TEST(ImportTest, WhatIsWrongIsSaidAndNothingIsWritten) {
  const std::string folder = fresh_folder();
  const auto error = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "import");
    const CommandResult result = run_command(arguments, folder);
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_EQ(result.out, "");
    EXPECT_EQ(read_text(folder + "/out.safetensors"), "");
    return result.err;
  };
  const std::string out = "out.safetensors";
  EXPECT_TRUE(absl::StrContains(error({golden("foreign.pt"), out}), "pathlib.PurePosixPath"));
  EXPECT_TRUE(absl::StrContains(error({golden("legacy.pt"), out}), "PyTorch before 1.6"));
  EXPECT_TRUE(absl::StrContains(error({"nowhere.pt", out}), "nowhere.pt: No such file"));
  EXPECT_TRUE(absl::StrContains(error({golden("tied.pt"), "out.zip"}), "ends in .safetensors"));
  EXPECT_TRUE(absl::StrContains(error({golden("tied.pt"), out, "--key=x"}), "under the key \"x\""));
  EXPECT_TRUE(absl::StrContains(error({golden("tied.pt"), out, "--rename", "x"}), "no rule"));
  EXPECT_TRUE(absl::StrContains(error({golden("tied.pt"), out, "--only", "x"}), "matches none"));
}

TEST(ExportTest, WhatIsImportedComesBack) {
  const std::string folder = fresh_folder();
  const CommandResult exported =
      run_command({"export", golden("sharded"), "out.pt", "--rename", "^=>model."}, folder);
  EXPECT_EQ(exported.exit_code, 0) << exported.err;
  EXPECT_TRUE(absl::StrContains(exported.out, "\"tensors\":9,")) << exported.out;
  const CommandResult back =
      run_command({"import", "out.pt", "back.safetensors", "--rename", "^model\\.=>"}, folder);
  EXPECT_EQ(back.exit_code, 0) << back.err;
  const CommandResult direct =
      run_command({"import", golden("state_dict.pt"), "direct.safetensors"}, folder);
  EXPECT_EQ(direct.exit_code, 0) << direct.err;
  EXPECT_EQ(read_text(folder + "/back.safetensors"), read_text(folder + "/direct.safetensors"));
}

TEST(ExportTest, TiedTensorsAreTiedAgain) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"export", golden("tied.safetensors"), "out.pt"}, folder);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(absl::StrContains(result.out, "\"tensors\":2,\"tied\":1,")) << result.out;
}

TEST(ExportTest, TrailingBytesMustBeAllowed) {
  const std::string folder = fresh_folder();
  write_text(folder + "/padded.safetensors", read_text(golden("cnn.safetensors")) + "xx");
  const CommandResult refused = run_command({"export", "padded.safetensors", "out.pt"}, folder);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(refused.err, "padded.safetensors")) << refused.err;
  EXPECT_EQ(
      run_command({"export", "--allow-trailing-bytes", "padded.safetensors", "out.pt"}, folder)
          .exit_code,
      0);
}

// PyTorch reads what is exported, where there is Python with it.
TEST(ExportTest, PythonLoadsWhatIsWritten) {
  const std::string folder = fresh_folder();
  for (const char* const name : {"state_dict", "dtypes", "views", "tied"}) {
    const CommandResult result = run_command(
        {"import", golden(absl::StrCat(name, ".pt")), absl::StrCat(name, ".pt")}, folder);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  const char* const given = std::getenv("COMPOSER_TEST_PYTHON");
  const std::string python = given == nullptr ? "python3" : given;
  if (std::system((python + " -c 'import torch' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP() << python << " has no torch; COMPOSER_TEST_PYTHON names one that has";
  }
  const std::string script = data_file("tests/cli/load_exported.py");
  const std::string command = absl::StrCat(python, " ", script, " ", folder, " ", golden("."));
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace
}  // namespace composer::testing
