// Where each topic of one ISA level enters the level's table.
#pragma once

#include "dispatch/kernels.hpp"

namespace fastnet::FASTNET_LEVEL {

void fill_activation(Kernels& table) noexcept;
void fill_math(Kernels& table) noexcept;
void fill_dropout(Kernels& table) noexcept;
void fill_expression(Kernels& table) noexcept;
void fill_random(Kernels& table) noexcept;
void fill_loss(Kernels& table) noexcept;
void fill_moments(Kernels& table) noexcept;
void fill_norm(Kernels& table) noexcept;
void fill_optimizer(Kernels& table) noexcept;
void fill_probe(Kernels& table) noexcept;
void fill_product(Kernels& table) noexcept;
void fill_reduce(Kernels& table) noexcept;
void fill_softmax(Kernels& table) noexcept;

}  // namespace fastnet::FASTNET_LEVEL
