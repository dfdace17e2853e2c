#pragma once

namespace composer {

/// From here on LibTorch's operations use this thread alone, whoever calls them on it, where each
/// thread would otherwise start a team of its own. Other threads, those that start later included,
/// keep their number: at::set_num_threads would change theirs.
void use_this_thread_alone();

}  // namespace composer
