#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"

namespace composer {

/// Small files that differ with `seed`: one has two pieces, one is empty.
std::map<std::string, std::string> sample_files(int64_t seed);

/// Saves a checkpoint of them in PARENT/NAME, after `batch` batches; `latest` points to it.
absl::Status save_sample(const std::string& parent, const std::string& name, int64_t batch,
                         int64_t seed);

/// The seed whose files the checkpoint holds, down to the last byte; unset when it cannot be
/// verified or its files are others.
std::optional<int64_t> sample_in(const std::string& folder);

/// The seed in the newest good checkpoint; unset when there is none.
std::optional<int64_t> newest_sample(const std::string& parent);

/// The names in a folder, hidden ones too.
std::set<std::string> names_in(const std::string& folder);

/// Gives the temporary names in a folder to a process that is gone, as if this one had been killed.
void give_to_dead_process(const std::string& folder);

std::string read_whole_file(const std::string& path);
void write_whole_file(const std::string& path, const std::string& bytes);

/// An empty folder for the test that runs.
std::string fresh_folder();

}  // namespace composer
