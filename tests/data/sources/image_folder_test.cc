#include "composer/data/sources/image_folder.h"

#include <ATen/ATen.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/data_loader.h"
#include "composer/data/from_config.h"
#include "google/protobuf/text_format.h"
#include "proto/data.pb.h"
#include "proto/dataset.pb.h"
#include "tests/data/formats/golden_images.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

class ImageFolderTest : public testing::Test {
 protected:
  void put(const std::string& path, const std::string& bytes) {
    const std::filesystem::path full = dir_ + "/" + path;
    std::filesystem::create_directories(full.parent_path());
    write_file(full, bytes);
  }

  // An image of tests/golden/data/images under another name.
  void put_image(const std::string& path, const std::string& image) {
    put(path, golden_image_file(image));
  }

  absl::StatusOr<std::shared_ptr<ImageFolder>> build(const std::string& fields = "") {
    config::Dataset config;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat("image_folder { dir: '", dir_, "' ", fields, " }"), &config));
    auto dataset = build_dataset(config);
    if (!dataset.ok()) return dataset.status();
    return std::dynamic_pointer_cast<ImageFolder>(*std::move(dataset));
  }

  std::shared_ptr<ImageFolder> built(const std::string& fields = "") {
    auto dataset = build(fields);
    EXPECT_TRUE(dataset.ok()) << dataset.status();
    return dataset.value();
  }

  void expect_refused(const std::string& fields, const std::string& field,
                      const std::string& part) {
    const absl::Status status = build(fields).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(field_of(status), "image_folder." + field) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }

  static std::vector<uint8_t> interleaved(const ImageView& view) {
    std::vector<uint8_t> bytes;
    for (int64_t y = 0; y < view.height; ++y) {
      for (int64_t x = 0; x < view.width; ++x) {
        for (int64_t c = 0; c < view.channels; ++c) {
          bytes.push_back(
              view.data[c * view.channel_stride + y * view.row_stride + x * view.column_stride]);
        }
      }
    }
    return bytes;
  }

  void age() {
    const timespec times[] = {{1'600'000'000, 0}, {1'600'000'000, 0}};
    for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
      ASSERT_EQ(utimensat(AT_FDCWD, entry.path().c_str(), times, 0), 0);
    }
  }

  const std::string dir_ = make_folder();
};

// What torchvision found: see tests/golden/data/image_folder.py.
TEST_F(ImageFolderTest, FindsTheSamplesThatTorchvisionFinds) {
  std::ifstream golden("tests/golden/data/image_folder.txt");
  ASSERT_TRUE(golden.good());
  std::vector<std::string> paths;
  std::vector<int64_t> targets;
  for (std::string line; std::getline(golden, line);) {
    const size_t space = line.find(' ');
    targets.push_back(std::stoll(line.substr(0, space)));
    paths.push_back(line.substr(space + 1));
    put(paths.back(), "");
  }
  put("loose.jpg", "");
  put(".ipynb_checkpoints/a.jpg", "");
  put("cat/.a.jpg", "");
  put("cat/notes.txt", "");
  const auto dataset = built();
  ASSERT_EQ(dataset->size(), 17);
  for (int64_t i = 0; i < dataset->size(); ++i) {
    EXPECT_EQ(dataset->path(i), dir_ + "/" + paths[i]);
    EXPECT_EQ(dataset->companions({i}).at("target").item<int64_t>(), targets[i]) << paths[i];
  }
  EXPECT_EQ(dataset->classes(),
            (std::vector<std::string>{"Zebra", "cat", "cat.and.dog", "dog", "zebra"}));
}

TEST_F(ImageFolderTest, DecodesImagesWhenTheyAreAskedFor) {
  put_image("cat/a.jpg", "rgb_420.jpg");
  put_image("cat/b.jpg", "rgba.png");
  put_image("dog/c.png", "grey.jpg");
  const std::vector<GoldenImage> golden = golden_images();
  const auto rgb = [&](const std::string& name) {
    return std::find_if(golden.begin(), golden.end(),
                        [&](const GoldenImage& image) { return image.name == name; })
        ->rgb;
  };
  const auto dataset = built();
  EXPECT_EQ(dataset->size(), 3);
  EXPECT_EQ(dataset->name(), "image_folder (" + dir_ + ")");
  std::vector<uint8_t> storage;
  EXPECT_EQ(interleaved(dataset->image(0, storage)), rgb("rgb_420.jpg"));
  EXPECT_EQ(interleaved(dataset->image(1, storage)), rgb("rgba.png"));
  EXPECT_EQ(interleaved(dataset->image(2, storage)), rgb("grey.jpg"));

  const Batch batch = dataset->get_batch({2, 0});
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{2, 3, 29, 37}));
  EXPECT_TRUE(at::equal(batch.at("target"), at::tensor({1, 0}, at::kLong)));
  EXPECT_EQ(batch.at("input")[1][2][0][1].item<float>(),
            (rgb("rgb_420.jpg")[5] / 255.0f - 0.406f) / 0.225f);
}

TEST_F(ImageFolderTest, ConvertsToTheChannelsOfTheConfig) {
  put_image("cat/a.jpg", "rgb_420.jpg");
  const auto dataset = built("channels: 1 mean: 0 std: 1");
  EXPECT_EQ(dataset->get(0).at("input").sizes(), (at::IntArrayRef{1, 29, 37}));
  EXPECT_EQ(built("channels: 1")->statistics().mean, std::vector<double>{0.449});
  expect_refused("channels: 2", "channels", "1 for grey or 3 for RGB");
  expect_refused("channels: 1 mean: [1, 1, 1]", "mean", "the images have 1 channel");
}

TEST_F(ImageFolderTest, DecodesSmallerForADecodeSize) {
  put_image("cat/a.jpg", "rgb_420.jpg");
  put_image("cat/b.png", "rgb.png");
  const auto dataset = built("decode_size: 15");
  std::vector<uint8_t> storage;
  EXPECT_EQ(dataset->image(0, storage).height, 15);
  EXPECT_EQ(dataset->image(0, storage).width, 19);
  EXPECT_EQ(dataset->image(1, storage).height, 29);
}

TEST_F(ImageFolderTest, NamesTheSampleAndTheFileOfABrokenImage) {
  put_image("cat/a.jpg", "rgb_420.jpg");
  put("cat/b.jpg", golden_image_file("rgb_444.jpg").substr(0, 1000));
  put("cat/c.jpg", "no image");
  put_image("dog/d.jpg", "rgb_444.jpg");
  const auto dataset = built();
  const auto message = [&](auto&& function) {
    const absl::Status status = catch_exceptions([&] { function(); });
    EXPECT_FALSE(status.ok());
    return std::string(status.message());
  };
  const std::string broken =
      dir_ + "/cat/b.jpg: byte 1000: expected more JPEG data, the file ends: it is truncated";
  EXPECT_EQ(message([&] { dataset->get_batch({0, 3, 1}); }), "sample 1: " + broken);
  EXPECT_EQ(message([&] { dataset->get(1); }), "sample 1: " + broken);
  EXPECT_EQ(message([&] { dataset->get(2); }),
            "sample 2: " + dir_ +
                "/cat/c.jpg: byte 0: expected a JPEG (ff d8 ff) or a PNG (89 50 4e 47 0d 0a 1a "
                "0a), found 6e 6f 20 69");
  // Those beside them can still be read.
  EXPECT_EQ(dataset->get_batch({3, 0}).num_samples(), 2);
  EXPECT_THROW(dataset->get(4), c10::IndexError);
}

// From files of several formats and sizes to batches, by two threads, past a broken file.
TEST_F(ImageFolderTest, FeedsALoader) {
  put_image("cat/a.jpg", "rgb_420.jpg");
  put_image("cat/b.jpg", "wide.jpg");
  put("cat/c.jpg", "no image");
  put_image("dog/d.png", "interlaced_rgba.png");
  put_image("dog/e.jpg", "cmyk.jpg");
  const auto build = [&](const std::string& policy) {
    config::DataLoader config;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat("dataset { image_folder { dir: '", dir_, "' decode_size: 16 } } ",
                     "batch_size: 5 workers: '2' broken_samples { policy: ", policy, " } ",
                     "transforms { resize { height: 20 width: 20 } } ",
                     "transforms { center_crop { size: 16 } }"),
        &config));
    auto loader = build_loader(config, {});
    EXPECT_TRUE(loader.ok()) << loader.status();
    return loader.value();
  };
  const auto skipping = build("SKIP");
  const Batch batch = *skipping->next();
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{4, 3, 16, 16}));
  EXPECT_TRUE(at::equal(batch.at("target"), at::tensor({0, 0, 1, 1}, at::kLong)));

  const auto failing = build("FAIL");
  const absl::Status status = catch_exceptions([&] { failing->next(); });
  for (const std::string& part : {"image_folder (" + dir_ + ")", std::string("sample 2"),
                                  dir_ + "/cat/c.jpg: byte 0: expected a JPEG"}) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

TEST_F(ImageFolderTest, FollowsLinks) {
  put_image("cat/a.jpg", "rgb_420.jpg");
  std::filesystem::create_directory(dir_ + "/dog");
  std::filesystem::create_symlink("../cat/a.jpg", dir_ + "/dog/link.jpg");
  std::filesystem::create_symlink("nowhere.jpg", dir_ + "/dog/broken.jpg");
  const auto dataset = built();
  ASSERT_EQ(dataset->size(), 3);
  const absl::Status status = catch_exceptions([&] { dataset->get(1); });
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), dir_ + "/dog/broken.jpg")) << status;
  EXPECT_EQ(dataset->get(2).at("input").size(1), 29);
}

TEST_F(ImageFolderTest, NumbersTheClassesOfTheConfig) {
  put("cat/a.jpg", "");
  put("dog/b.jpg", "");
  put("emu/c.jpg", "");
  const auto targets = [&](const std::string& fields) {
    const auto dataset = built(fields);
    std::string text;
    for (int64_t i = 0; i < dataset->size(); ++i) {
      absl::StrAppend(&text, std::filesystem::path(dataset->path(i)).stem().string(),
                      dataset->companions({i}).at("target").item<int64_t>(), " ");
    }
    return text;
  };
  EXPECT_EQ(targets(""), "a0 b1 c2 ");
  EXPECT_EQ(targets("classes: ['emu', 'cat', 'dog']"), "c0 a1 b2 ");
  // A split that lacks a class, and a choice of classes.
  EXPECT_EQ(targets("classes: ['ant', 'cat', 'bee', 'dog', 'emu']"), "a1 b3 c4 ");
  EXPECT_EQ(targets("classes: ['emu', 'dog']"), "c0 b1 ");
}

TEST_F(ImageFolderTest, RefusesClassesThatAreMisspelt) {
  put("cat/a.jpg", "");
  put("dog/b.jpg", "");
  expect_refused("classes: ['cat', 'dgo']", "classes[1]", "has no folder dgo, but has dog");
  expect_refused("classes: ['cat', 'cat']", "classes[1]", "cat is listed twice");
  for (const char* name : {"", "..", "cat/../dog", "/cat", ".composer_index"}) {
    expect_refused(absl::StrCat("classes: ['cat', '", name, "']"), "classes[1]", "no name");
  }
}

TEST_F(ImageFolderTest, RefusesFoldersWithoutImages) {
  expect_refused("", "dir", dir_ + " has no folders; expected one for each class");
  put("cat/a.jpg", "");
  put("dog/notes.txt", "");
  expect_refused("", "dir", "found none in " + dir_ + "/dog");
  write_file(dir_ + "/file", "");
  config::ImageFolder config;
  config.set_dir(dir_ + "/file");
  const absl::Status status = ImageFolder::create(config).status();
  EXPECT_EQ(field_of(status), "dir");
  EXPECT_TRUE(absl::StrContains(status.message(), dir_ + "/file")) << status;
}

TEST_F(ImageFolderTest, RefusesAFolderThatCannotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  put("cat/a.jpg", "");
  ASSERT_EQ(chmod((dir_ + "/cat").c_str(), 0), 0);
  expect_refused("", "dir", dir_ + "/cat");
  EXPECT_EQ(chmod((dir_ + "/cat").c_str(), 0700), 0);
}

TEST_F(ImageFolderTest, KeepsTheListInTheFolder) {
  const std::string index = dir_ + "/.composer_index";
  put("cat/a.jpg", "");
  age();
  built("cache_index: false");
  EXPECT_FALSE(std::filesystem::exists(index));
  built();
  EXPECT_TRUE(std::filesystem::exists(index));
  // Taken: what changes without a trace in the folder's time is not seen.
  put("cat/b.jpg", "");
  age();
  EXPECT_EQ(built()->size(), 1);
  EXPECT_EQ(built("cache_index: false")->size(), 2);
  // A new class, a new file and a damaged list are seen.
  put("dog/c.jpg", "");
  EXPECT_EQ(built()->size(), 3);
  age();
  EXPECT_EQ(built()->size(), 3);
  put("dog/d.jpg", "");
  EXPECT_EQ(built()->size(), 4);
  age();
  write_file(index, "composer image index 1\n");
  EXPECT_EQ(built()->size(), 4);
  std::filesystem::remove(index);
  std::filesystem::create_directory(index);
  EXPECT_EQ(built()->size(), 4);
}

}  // namespace
}  // namespace composer
