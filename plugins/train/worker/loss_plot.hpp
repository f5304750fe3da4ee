#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lmf::train {

struct Curve {
  std::vector<double> steps, values;  // as many of each
};

/// The exponential moving average the original draws: weight w = 1.8 · (σ(0.05 · n) − 0.5) on the average so far, for n
/// values, beginning at the first value.
std::vector<double> smooth(const std::vector<double>& values);

/// Round positions for axis marks that cover [low, high]: about `count` of them, a power of ten times 1, 2, 2.5 or 5
/// apart, but at least `least_step`.
std::vector<double> axis_marks(double low, double high, int count, double least_step = 0.0);

/// Draws the curve (pale) and its smoothed form as a 640 x 480 PNG: title, axes with marks, legend. Values that are no
/// finite number are left out. Replaced atomically.
void plot_curve(const std::filesystem::path& file, const std::string& title, const std::string& x_label,
                const std::string& y_label, const Curve& curve);

}  // namespace lmf::train
