"""The port of gan_torch.py to Jittor."""

import jittor as jt
import numpy as np
from jittor import nn

BATCH, LATENT, STEPS = 8, 12, 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(LATENT, 64)
        self.bn = nn.BatchNorm1d(64)
        self.out = nn.Linear(64, 64)

    def execute(self, z):
        return jt.tanh(self.out(nn.relu(self.bn(self.fc(z)))))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 32)
        self.out = nn.Linear(32, 1)

    def execute(self, x):
        return self.out(nn.leaky_relu(self.fc(x), 0.2))


def images(step):
    return np.random.default_rng(step).standard_normal((BATCH, 64)).astype(np.float32)


def main():
    jt.set_global_seed(0)
    generator, discriminator = Generator(), Discriminator()
    optimizer_g = jt.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = jt.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    bce = nn.BCEWithLogitsLoss()
    for step in range(STEPS):
        real = jt.array(images(step))
        ones, zeros = jt.ones((BATCH, 1)), jt.zeros((BATCH, 1))
        fake = generator(jt.randn(BATCH, LATENT))
        loss_real = bce(discriminator(real), ones)
        loss_fake = bce(discriminator(fake.detach()), zeros)
        optimizer_d.step(loss_real + loss_fake)
        loss_g = bce(discriminator(fake), ones)
        optimizer_g.step(loss_g)
        print(f"step {step} d {loss_real.item() + loss_fake.item():.4f} g {loss_g.item():.4f}")


if __name__ == "__main__":
    main()
