#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/random.h"
#include "composer/data/formats/image_folder_files.h"
#include "composer/data/formats/image_folder_index.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

using Paths = std::vector<std::string>;

class ImageFolderTest : public testing::Test {
 protected:
  // Files in their folders; what a path ends with "/" for is a folder alone.
  void make(const Paths& paths) {
    for (const std::string& path : paths) {
      const std::filesystem::path full = dir_ + "/" + path;
      std::filesystem::create_directories(full.parent_path());
      if (full.has_filename()) write_file(full, "x");
    }
  }

  void link(const std::string& target, const std::string& path) {
    ASSERT_EQ(symlink(target.c_str(), (dir_ + "/" + path).c_str()), 0);
  }

  // Makes all folders look as if they had changed `seconds` after some time long ago.
  void age(time_t seconds = 0) {
    const timespec time = {1'600'000'000 + seconds, 0};
    const timespec times[] = {time, time};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_)) {
      if (!entry.is_directory()) continue;
      ASSERT_EQ(utimensat(AT_FDCWD, entry.path().c_str(), times, 0), 0);
    }
  }

  // "cat/a.jpg" of each file.
  static Paths paths(const ImageFolderFiles& files) {
    Paths result;
    for (int64_t i = 0; i < files.size(); ++i) {
      result.push_back(absl::StrCat(files.class_folders()[files.class_of(i)], "/", files.file(i)));
    }
    return result;
  }

  ImageFolderFiles listed(const Paths& classes) {
    auto files = list_image_files(dir_, classes);
    EXPECT_TRUE(files.ok()) << files.status();
    return files.ok() ? *std::move(files) : ImageFolderFiles();
  }

  std::string index() {
    std::ifstream file(index_path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const std::string dir_ = make_folder();
  const std::string index_path_ = dir_ + "/.composer_index";
};

TEST_F(ImageFolderTest, FindsTheClassFolders) {
  make({"dog/", "cat/", "Zebra/", ".hidden/", "a.jpg"});
  link("dog", "alias");
  const auto folders = list_class_folders(dir_);
  ASSERT_TRUE(folders.ok()) << folders.status();
  EXPECT_EQ(*folders, (Paths{"Zebra", "alias", "cat", "dog"}));
}

// The order of sorted(os.walk(...)), by folder and then by name, which is not that of whole paths.
TEST_F(ImageFolderTest, ListsImagesInTorchvisionsOrder) {
  make({"cat/b.jpg", "cat/b/z.png", "cat/b/c/y.jpeg", "cat/b-x/w.JPG", "cat/a.PnG", "cat/Z.jpg",
        "cat/notes.txt", "cat/jpg", "cat/._a.jpg", "cat/.hidden/a.jpg", "dog/1/2/3/x.jpg"});
  EXPECT_EQ(paths(listed({"cat", "dog"})),
            (Paths{"cat/Z.jpg", "cat/a.PnG", "cat/b.jpg", "cat/b/z.png", "cat/b-x/w.JPG",
                   "cat/b/c/y.jpeg", "dog/1/2/3/x.jpg"}));
  EXPECT_EQ(paths(listed({"dog", "cat"}))[0], "dog/1/2/3/x.jpg");
}

TEST_F(ImageFolderTest, FollowsLinks) {
  make({"cat/a.jpg", "elsewhere/more/b.jpg", "elsewhere/c.jpg"});
  link("../elsewhere/c.jpg", "cat/link.jpg");
  link("../elsewhere/more", "cat/more");
  link("nowhere.jpg", "cat/broken.jpg");
  EXPECT_EQ(paths(listed({"cat"})),
            (Paths{"cat/a.jpg", "cat/broken.jpg", "cat/link.jpg", "cat/more/b.jpg"}));
}

TEST_F(ImageFolderTest, RefusesLinksWithoutAnEnd) {
  make({"cat/deep/a.jpg"});
  link("../../cat", "cat/deep/loop");
  const absl::Status status = list_image_files(dir_, {"cat"}).status();
  EXPECT_TRUE(absl::StrContains(status.message(),
                                dir_ + "/cat/deep/loop is a link to a folder that it lies in"))
      << status;
}

TEST_F(ImageFolderTest, RefusesAClassWithoutImages) {
  make({"cat/a.jpg", "dog/notes.txt"});
  const absl::Status status = list_image_files(dir_, {"cat", "dog"}).status();
  EXPECT_TRUE(absl::StrContains(status.message(), "found none in " + dir_ + "/dog")) << status;
}

TEST_F(ImageFolderTest, NamesWhatIsNoFolder) {
  make({"a.jpg"});
  EXPECT_TRUE(absl::StrContains(list_class_folders(dir_ + "/a.jpg").status().message(),
                                "cannot list " + dir_ + "/a.jpg"));
  EXPECT_TRUE(absl::StrContains(list_class_folders(dir_ + "/none").status().message(),
                                "cannot list " + dir_ + "/none"));
}

TEST_F(ImageFolderTest, RefusesAFolderThatCannotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read everything";
  make({"cat/a.jpg", "cat/secret/b.jpg"});
  ASSERT_EQ(chmod((dir_ + "/cat/secret").c_str(), 0), 0);
  const absl::Status status = list_image_files(dir_, {"cat"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(absl::StrContains(status.message(), dir_ + "/cat/secret")) << status;
  EXPECT_EQ(chmod((dir_ + "/cat/secret").c_str(), 0700), 0);
}

class ImageFolderIndexTest : public ImageFolderTest {
 protected:
  ImageFolderIndexTest() {
    make({"cat/a.jpg", "cat/sub/b.jpg", "dog/c.png"});
    age();
  }

  void save() {
    const absl::Status status = save_image_folder_index(dir_, listed(classes_));
    EXPECT_TRUE(status.ok()) << status;
  }

  // Nothing when it is not taken.
  std::optional<Paths> load() {
    const auto files = load_image_folder_index(dir_, classes_);
    if (!files) return std::nullopt;
    return paths(*files);
  }

  // The index with another text, whose checksum is right.
  void rewrite(const std::string& from, const std::string& to) {
    std::string text = index();
    text.resize(text.rfind("checksum "));
    const size_t position = text.find(from);
    ASSERT_NE(position, std::string::npos) << from;
    text.replace(position, from.size(), to);
    write_file(index_path_, text + absl::StrFormat("checksum %016x\n", hash_name(text)));
  }

  const Paths classes_ = {"cat", "dog"};
  const Paths files_ = {"cat/a.jpg", "cat/sub/b.jpg", "dog/c.png"};
};

TEST_F(ImageFolderIndexTest, GivesBackWhatWasListed) {
  EXPECT_FALSE(load().has_value());
  save();
  EXPECT_EQ(load(), files_);
  EXPECT_TRUE(absl::StartsWith(index(), "composer image index 1\nfolder 1600000000000000000 "));
  EXPECT_TRUE(absl::StrContains(index(), "class 2 cat\na.jpg\nsub/b.jpg\nclass 1 dog\nc.png\n"));
  struct stat status;
  ASSERT_EQ(stat(index_path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0644u);
  // No other file is left behind.
  int hidden = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    hidden += absl::StartsWith(entry.path().filename().string(), ".");
  }
  EXPECT_EQ(hidden, 1);
}

TEST_F(ImageFolderIndexTest, KeepsUnusualNames) {
  make({"cat/new\nline.jpg", "cat/back\\slash.jpg", "cat/caf\xc3\xa9 \xff.jpg", "cat/ \"a\".jpg"});
  age();
  const Paths expected = paths(listed(classes_));
  EXPECT_EQ(expected.size(), 7u);
  save();
  EXPECT_EQ(load(), expected);
}

TEST_F(ImageFolderIndexTest, IsForExactlyTheseClasses) {
  save();
  EXPECT_FALSE(load_image_folder_index(dir_, {"dog", "cat"}).has_value());
  EXPECT_FALSE(load_image_folder_index(dir_, {"cat"}).has_value());
}

TEST_F(ImageFolderIndexTest, IsNotTakenWhenAFolderHasChanged) {
  save();
  make({"cat/sub/new.jpg"});
  EXPECT_FALSE(load().has_value());
  age();
  // The same time as before: the file would be missed, had the folder been put in place with it.
  EXPECT_EQ(load(), files_);
  age(1);
  EXPECT_FALSE(load().has_value());
  std::filesystem::remove_all(dir_ + "/cat/sub");
  EXPECT_FALSE(load().has_value());
}

TEST_F(ImageFolderIndexTest, IsNotTakenWhenFoldersHaveChangedPlaces) {
  save();
  std::filesystem::rename(dir_ + "/cat", dir_ + "/x");
  std::filesystem::rename(dir_ + "/dog", dir_ + "/cat");
  std::filesystem::rename(dir_ + "/x", dir_ + "/dog");
  age();
  EXPECT_FALSE(load().has_value());
}

TEST_F(ImageFolderIndexTest, IsNotWrittenWhileAFolderIsNew) {
  make({"cat/new.jpg"});
  EXPECT_EQ(save_image_folder_index(dir_, listed(classes_)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(index(), "");
}

TEST_F(ImageFolderIndexTest, IsNotTakenWithAnyDamage) {
  save();
  const std::string sound = index();
  for (size_t i = 0; i < sound.size(); ++i) {
    std::string damaged = sound;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    write_file(index_path_, damaged);
    EXPECT_FALSE(load().has_value()) << damaged;
    write_file(index_path_, sound.substr(0, i));
    EXPECT_FALSE(load().has_value()) << i;
  }
  write_file(index_path_, sound);
  EXPECT_TRUE(load().has_value());
}

TEST_F(ImageFolderIndexTest, NeverLeavesTheFolder) {
  const auto refused = [&](const std::string& from, const std::string& to) {
    save();
    rewrite(from, to);
    return !load().has_value();
  };
  EXPECT_TRUE(refused("\nsub/b.jpg", "\n../dog/b.jpg"));
  EXPECT_TRUE(refused("\nsub/b.jpg", "\n/etc/b.jpg"));
  EXPECT_TRUE(refused("\nsub/b.jpg", "\nsub/../../../b.jpg"));
  EXPECT_TRUE(refused("\nsub/b.jpg", "\nsub//b.jpg"));
  EXPECT_TRUE(refused("\nsub/b.jpg", "\n./b.jpg"));
  EXPECT_TRUE(refused("\nsub/b.jpg", "\n\\056./b.jpg"));
  EXPECT_TRUE(refused("\nsub/b.jpg", "\nsub/b.jpg\\000"));
  EXPECT_TRUE(refused("\nsub/b.jpg", "\nsub/passwd"));
  EXPECT_TRUE(refused("\nsub/b.jpg", "\n"));
  EXPECT_TRUE(refused("class 1 dog", "class 1 .."));
  EXPECT_TRUE(refused("dog\nclass", "dog/..\nclass"));
  // Counts that are not so.
  EXPECT_TRUE(refused("class 2", "class 3"));
  EXPECT_TRUE(refused("class 2", "class 1"));
  EXPECT_TRUE(refused("class 2", "class 9000000000000000000"));
  EXPECT_TRUE(refused("class 2", "class -1"));
  EXPECT_TRUE(refused("index 1", "index 2"));
  EXPECT_FALSE(refused("a.jpg", "b.jpg"));
}

TEST_F(ImageFolderIndexTest, SaysWhyItIsNotWritten) {
  const absl::Status status = save_image_folder_index(dir_ + "/none", ImageFolderFiles());
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(status.message(), dir_ + "/none/.composer_index")) << status;
}

}  // namespace
}  // namespace composer
