"""``python -m lacbed_gan.train``: see `lacbed_gan.commands.train`."""

from lacbed_gan.commands.train import main

if __name__ == "__main__":
    main()
