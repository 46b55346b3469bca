// Where each topic of one ISA level enters the level's table.
#pragma once

#include "dispatch/kernels.hpp"

#define FASTNET_STRING_OF(x) #x
#define FASTNET_STRING(x) FASTNET_STRING_OF(x)
#define FASTNET_LEVEL_NAME FASTNET_STRING(FASTNET_LEVEL)

namespace fastnet::FASTNET_LEVEL {

void fill_activation(Kernels& table) noexcept;
void fill_math(Kernels& table) noexcept;
void fill_discrete(Kernels& table) noexcept;
void fill_dropout(Kernels& table) noexcept;
void fill_expression(Kernels& table) noexcept;
void fill_random(Kernels& table) noexcept;
void fill_loss(Kernels& table) noexcept;
void fill_moments(Kernels& table) noexcept;
void fill_norm(Kernels& table) noexcept;
void fill_optimizer(Kernels& table) noexcept;
void fill_probe(Kernels& table) noexcept;
void fill_product(Kernels& table) noexcept;
void fill_quantized_bf16(Kernels& table) noexcept;
void fill_quantized_int8(Kernels& table) noexcept;
void fill_reduce(Kernels& table) noexcept;
void fill_softmax(Kernels& table) noexcept;
void fill_stream(Kernels& table) noexcept;

}  // namespace fastnet::FASTNET_LEVEL
