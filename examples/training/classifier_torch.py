"""Trains a small classifier with BatchNorm in PyTorch: clipping, two groups, a scheduler."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset


class Patterns(Dataset):
    """Small images of ten classes, made by NumPy."""

    def __len__(self):
        return 256

    def __getitem__(self, index):
        generator = np.random.default_rng(index)
        label = index % 10
        image = generator.standard_normal((1, 8, 8)).astype(np.float32)
        image[0, label % 8] += 2
        return image, label


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1)
        self.bn2 = nn.BatchNorm2d(16)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.head(self.drop(x.mean(3).mean(2)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--accumulate", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(0)
    model = Net()
    head = list(model.head.parameters())
    body = [p for name, p in model.named_parameters() if not name.startswith("head")]
    optimizer = torch.optim.SGD(
        [{"params": body}, {"params": head, "lr": 0.2}],
        lr=0.05,
        momentum=0.9,
        weight_decay=5e-4,
    )
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    loader = DataLoader(Patterns(), batch_size=16)
    model.train()
    for epoch in range(options.epochs):
        for index, (image, label) in enumerate(loader):
            image = image + 0.05 * torch.randn_like(image)
            loss = F.cross_entropy(model(image), label) / options.accumulate
            loss.backward()
            if (index + 1) % options.accumulate == 0:
                nn.utils.clip_grad_norm_(model.parameters(), 0.1)
                optimizer.step()
                optimizer.zero_grad()
                scheduler.step()
        print(f"epoch {epoch} loss {loss.item() * options.accumulate:.4f}")


if __name__ == "__main__":
    main()
