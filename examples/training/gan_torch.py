"""Trains a small GAN in PyTorch: two models, two optimizers, one discriminator for both losses."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

BATCH, LATENT, STEPS = 8, 12, 4


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(LATENT, 64)
        self.bn = nn.BatchNorm1d(64)
        self.out = nn.Linear(64, 64)

    def forward(self, z):
        return torch.tanh(self.out(F.relu(self.bn(self.fc(z)))))


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 32)
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        return self.out(F.leaky_relu(self.fc(x), 0.2))


def images(step):
    return np.random.default_rng(step).standard_normal((BATCH, 64)).astype(np.float32)


def main():
    torch.manual_seed(0)
    generator, discriminator = Generator(), Discriminator()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    bce = nn.BCEWithLogitsLoss()
    for step in range(STEPS):
        real = torch.from_numpy(images(step))
        ones, zeros = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
        fake = generator(torch.randn(BATCH, LATENT))
        optimizer_d.zero_grad()
        loss_real = bce(discriminator(real), ones)
        loss_real.backward()
        loss_fake = bce(discriminator(fake.detach()), zeros)
        loss_fake.backward()
        optimizer_d.step()
        optimizer_g.zero_grad()
        loss_g = bce(discriminator(fake), ones)
        loss_g.backward()
        optimizer_g.step()
        print(f"step {step} d {loss_real.item() + loss_fake.item():.4f} g {loss_g.item():.4f}")


if __name__ == "__main__":
    main()
