"""Floating-point operations of SD 3.5 with a ControlNet, counted from the configurations: matrix products, convolutions and
attention, a multiplication and an addition as two. What is left out (norms, activations, sums) is below one percent."""


def linear(rows, width_in, width_out):
    return 2 * rows * width_in * width_out


def attention(queries, keys, width):
    """q k^T and the weighted sum of v."""
    return 2 * linear(queries, width, keys)


def block(width, image, text, dual, text_ends):
    """One joint block for one sample of `image` and `text` tokens."""
    count = linear(1, width, (9 if dual else 6) * width) + linear(1, width, (2 if text_ends else 6) * width)
    count += linear(image, width, 3 * width) + linear(text, width, 3 * width)
    count += attention(image + text, image + text, width)
    count += linear(image, width, width) + 2 * linear(image, width, 4 * width)
    if dual:
        count += linear(image, width, 3 * width) + attention(image, image, width) + linear(image, width, width)
    if not text_ends:
        count += linear(text, width, width) + 2 * linear(text, width, 4 * width)
    return count


def trunk(config, side, text, text_ends):
    """Embeddings and blocks for one sample: a latent of side x side."""
    width = config["num_attention_heads"] * config["attention_head_dim"]
    patch = config["patch_size"]
    image = (side // patch) ** 2
    count = linear(image, config["in_channels"] * patch**2, width) + linear(text, config["joint_attention_dim"], width)
    count += linear(1, 256, width) + linear(1, config["pooled_projection_dim"], width) + 2 * linear(1, width, width)
    for i in range(config["num_layers"]):
        last = text_ends and i + 1 == config["num_layers"]
        count += block(width, image, text, i in config["dual_attention_layers"], last)
    return count, image, width


def transformer(config, side, text):
    count, image, width = trunk(config, side, text, text_ends=True)
    return count + linear(1, width, 2 * width) + linear(image, width, config["patch_size"] ** 2 * config["out_channels"])


def controlnet(config, side, text):
    count, image, width = trunk(config, side, text, text_ends=False)
    conditions = (config["in_channels"] + config["extra_conditioning_channels"]) * config["patch_size"] ** 2
    return count + linear(image, conditions, width) + config["num_layers"] * linear(image, width, width)


def resnet(pixels, width_in, width_out):
    count = linear(pixels, 9 * width_in, width_out) + linear(pixels, 9 * width_out, width_out)
    return count + (linear(pixels, width_in, width_out) if width_in != width_out else 0)


def autoencoder_middle(pixels, width):
    return 2 * resnet(pixels, width, width) + 4 * linear(pixels, width, width) + attention(pixels, pixels, width)


def encoder(config, size):
    """Of one image of size x size pixels."""
    widths = config["block_out_channels"]
    pixels, width = size**2, widths[0]
    count = linear(pixels, 9 * config["in_channels"], width)
    for level, out in enumerate(widths):
        for _ in range(config["layers_per_block"]):
            count += resnet(pixels, width, out)
            width = out
        if level + 1 < len(widths):
            pixels //= 4
            count += linear(pixels, 9 * width, width)
    return count + autoencoder_middle(pixels, width) + linear(pixels, 9 * width, 2 * config["latent_channels"])


def decoder(config, size):
    widths = config["block_out_channels"][::-1]
    pixels, width = (size >> (len(widths) - 1)) ** 2, widths[0]
    count = linear(pixels, 9 * config["latent_channels"], width) + autoencoder_middle(pixels, width)
    for level, out in enumerate(widths):
        for _ in range(config["layers_per_block"] + 1):
            count += resnet(pixels, width, out)
            width = out
        if level + 1 < len(widths):
            pixels *= 4
            count += linear(pixels, 9 * width, width)
    return count + linear(pixels, 9 * width, config["out_channels"])


def image(configs, run):
    """Of one image: the control image encoded, guided steps of ControlNet and transformer, the latent decoded."""
    side = run["image"] >> (len(configs["vae"]["block_out_channels"]) - 1)
    step = transformer(configs["transformer"], side, run["text_tokens"])
    step += controlnet(configs["controlnet"], side, run["text_tokens"])
    evaluations = run["steps"] * (2 if run["guidance"] > 1 else 1)
    return evaluations * step + encoder(configs["vae"], run["image"]) + decoder(configs["vae"], run["image"])
