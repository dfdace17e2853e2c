#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/config/load_config.h"
#include "composer/data/from_config.h"
#include "tests/data/formats/idx_files.h"
#include "tests/data/page/page_files.h"

namespace composer {
namespace {

// A config of the page, and what the page says that comes of it.
struct Fragment {
  int line = 0;
  std::string config;
  // "`input` float [4, 5], `target` int64 [4]"; empty when the page does not say.
  std::string batch;
};

std::vector<Fragment> read_page(const std::string& path) {
  std::ifstream page(path);
  EXPECT_TRUE(page.is_open()) << path;
  std::vector<Fragment> fragments;
  std::string line;
  bool inside = false;
  for (int number = 1; std::getline(page, line); ++number) {
    if (line == "```textproto") {
      fragments.push_back({.line = number});
      inside = true;
    } else if (inside && line == "```") {
      inside = false;
    } else if (inside) {
      absl::StrAppend(&fragments.back().config, line, "\n");
    } else if (absl::StartsWith(line, "Batch: ")) {
      EXPECT_FALSE(fragments.empty());
      fragments.back().batch = line.substr(7, line.size() - 8);
    }
  }
  return fragments;
}

// As the page writes it.
std::string describe(const Batch& batch) {
  std::ostringstream out;
  for (const auto& [name, tensor] : batch) {
    if (out.tellp() > 0) out << ", ";
    out << "`" << name << "` " << (tensor.scalar_type() == at::kFloat ? "float" : "int64") << " "
        << tensor.sizes();
  }
  return out.str();
}

class DataPageTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    page_ = read_page("composer/data/README.md");
    const std::string root = make_folder();
    make_page_files(root);
    std::filesystem::current_path(root);
  }

  // Null, after a failure, for what cannot be built.
  static std::shared_ptr<DataLoader> loader(const Fragment& fragment) {
    write_file("fragment.textproto",
               absl::StrCat("model { mlp { input_size: 1 num_classes: 2 } }\n", fragment.config));
    const absl::StatusOr<ResolvedConfig> config = load_config("fragment.textproto");
    EXPECT_TRUE(config.ok()) << config.status();
    if (!config.ok()) return nullptr;
    const config::Run& run = config->run;
    const bool training = run.has_train();
    auto result = build_loader(training ? run.train() : run.evaluators(0).data(),
                               {.training = training, .seed = 17});
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return nullptr;
    return *std::move(result);
  }

  static std::vector<Fragment> page_;
};

std::vector<Fragment> DataPageTest::page_;

TEST_F(DataPageTest, EachConfigGivesTheBatchesThatThePageNames) {
  ASSERT_GT(page_.size(), 15u);
  for (const Fragment& fragment : page_) {
    SCOPED_TRACE(absl::StrCat("line ", fragment.line));
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    // SentencePiece's library cannot be loaded under these sanitizers.
    if (absl::StrContains(fragment.config, "sentencepiece")) continue;
#endif
    const std::shared_ptr<DataLoader> data = loader(fragment);
    ASSERT_NE(data, nullptr);
    data->seek(0, 0);
    const std::optional<Batch> batch = data->next();
    ASSERT_TRUE(batch.has_value());
    if (!fragment.batch.empty()) EXPECT_EQ(describe(*batch), fragment.batch);
    for (int i = 0; i < 50 && data->next(); ++i) {
    }
    data->seek(0, 0);
    const std::optional<Batch> again = data->next();
    ASSERT_TRUE(again.has_value());
    for (const auto& [name, tensor] : *batch) {
      EXPECT_TRUE(tensor.equal(again->at(name))) << name << " differs after going back";
    }
  }
}

TEST_F(DataPageTest, EverySourceHasAnExample) {
  const auto* members = config::Dataset::descriptor()->oneof_decl(0);
  for (int i = 0; i < members->field_count(); ++i) {
    const std::string& name = members->field(i)->name();
    if (name == "plugin") continue;
    const bool shown = std::any_of(page_.begin(), page_.end(), [&](const Fragment& fragment) {
      return std::regex_search(fragment.config, std::regex("\\b" + name + " \\{"));
    });
    EXPECT_TRUE(shown) << "composer/data/README.md has no example of " << name;
  }
}

}  // namespace
}  // namespace composer
